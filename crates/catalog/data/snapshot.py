"""Writes models.json from the Python packages `genai-prices` and `litellm`. DATA.md says how to run it.

Prices come from genai-prices; limits, modalities and what that lacks come from the model table that
litellm carries. A price with a class of tokens that Weir does not count is left out, never rounded.
"""

import datetime
import importlib.metadata
import json
import pathlib
import re
from decimal import Decimal

from genai_prices import data, types

TODAY = datetime.date.today()
# Read as data: importing the package would import all that it depends on.
TABLE = json.loads(importlib.metadata.distribution("litellm").locate_file("litellm/model_prices_and_context_window_backup.json").read_text("utf-8"))
OUT = pathlib.Path(__file__).with_name("models.json")

# Ours: (theirs, which of their ids are served there).
GENAI = {
    "anthropic": ("anthropic", None), "baseten": ("baseten", None), "cerebras": ("cerebras", None),
    "cloudflare": ("cloudflare", None), "cohere": ("cohere", None), "databricks": ("databricks", None),
    "deepseek": ("deepseek", None), "fireworks": ("fireworks", None),
    "gemini": ("google", r"gemini|gemma|learnlm"), "groq": ("groq", None), "meta": ("meta", None),
    "minimax": ("minimax", None), "mistral": ("mistral", None), "moonshot": ("moonshotai", None),
    "novita": ("novita", None), "openai": ("openai", r"^(?!gpt-oss)"), "openrouter": ("openrouter", r"/"),
    "ovhcloud": ("ovhcloud", None), "together": ("together", None), "voyage": ("voyageai", None), "xai": ("x-ai", None),
    "zai": ("zai", None), "zhipu": ("zhipuai", None),
}
# Ours: the prefixes of their names.
LITELLM = {
    "ai21": "ai21", "anthropic": "anthropic", "baseten": "baseten", "cerebras": "cerebras",
    "cloudflare": "cloudflare", "codestral": "codestral", "cohere": "cohere_chat cohere", "crusoe": "crusoe",
    "dashscope": "dashscope", "databricks": "databricks", "deepinfra": "deepinfra",
    "deepseek": "deepseek", "featherless": "featherless_ai", "fireworks": "fireworks_ai",
    "friendli": "friendliai", "gemini": "gemini", "gmi": "gmi", "groq": "groq",
    "inception": "inception", "jina": "jina_ai", "meta": "meta", "meta-llama": "meta_llama",
    "minimax": "minimax", "mistral": "mistral", "moonshot": "moonshot", "morph": "morph",
    "nebius": "nebius", "novita": "novita", "nscale": "nscale", "openai": "openai",
    "ovhcloud": "ovhcloud", "publicai": "publicai", "sambanova": "sambanova", "scaleway": "scaleway",
    "together": "together_ai", "vercel": "vercel_ai_gateway", "volcengine": "volcengine",
    "voyage": "voyage", "wandb": "wandb", "xai": "xai", "zai": "zai", "zhipu": "bigmodel",
}
# litellm's price is a thousand times the vendor's.
WRONG = {"embed-multilingual-light-v3.0"}
# Where litellm drops what the vendor has retired.
COMPLETE = {"anthropic", "deepseek", "gemini", "groq", "mistral", "openai", "xai"}
MODES = {"chat", "completion", "embedding", "rerank", "responses", None}
TOKENS = {
    "input_mtok": "input", "output_mtok": "output", "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write", "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio", "output_audio_mtok": "output_audio",
}
COUNTS = {"requests_kcount": "request", "web_searches_kcount": "web_search"}
# Billed by tools that Weir does not run, or cheaper than the class that stands in for it.
IGNORED = {"storage_searches_kcount", "cache_audio_read_mtok"}


def patterns(clause):
    """A clause of genai-prices as names and patterns in lower case."""
    match clause:
        case types.ClauseOr():
            return [name for part in getattr(clause, "or_") for name in patterns(part)]
        case types.ClauseAnd():
            # The second half only keeps out speech models, which have longer patterns of their own.
            return patterns(getattr(clause, "and_")[0])
        case types.ClauseEquals():
            return [clause.equals.lower()]
        case types.ClauseStartsWith():
            return [clause.starts_with.lower() + "*"]
        case types.ClauseEndsWith():
            return ["*" + clause.ends_with.lower()]
        case types.ClauseContains():
            return ["*" + clause.contains.lower() + "*"]
        case types.ClauseRegex():
            return from_regex(clause.regex)


def from_regex(regex):
    text = regex.removeprefix("^")
    text = text.removesuffix("$") if text.endswith("$") else text + "*"
    text = re.sub(r"\\d\{(\d)\}", lambda m: "#" * int(m[1]), text).replace(r"\d", "#").replace("\\.", ".")
    both = re.fullmatch(r"(.*)\[(.)(.)\](.*)", text)
    found = [both[1] + c + both[4] for c in both.groups()[1:3]] if both else [text]
    if any(set(name) & set("()[]\\^$+?{}|") for name in found):
        raise ValueError(f"a regex without a pattern: {regex}")
    return [name.lower() for name in found]


def micro(usd_per_mtok):
    return int((Decimal(str(usd_per_mtok)) * 1_000_000).to_integral_value())


def rate(prices, above):
    """One price as a rate, or None when it has a class that Weir does not count."""
    found = {"above": above} if above else {}
    for key, value in vars(prices).items():
        if value is None or key in IGNORED:
            continue
        if isinstance(value, types.TieredPrices):
            reached = [tier.price for tier in value.tiers if tier.start <= above]
            value = reached[-1] if above and reached else value.base
        if key in TOKENS:
            found[TOKENS[key]] = micro(value)
        elif key in COUNTS:
            found[COUNTS[key]] = micro(value)
        else:
            return None
    return found


def genai_rates(model):
    """The rates from today on, or nothing when a price is unknown or cannot be told."""
    listed = model.prices
    if not isinstance(listed, list):
        listed = [types.ConditionalPrice(prices=listed)]
    begun = [i for i, c in enumerate(listed) if starts(c) is not None and starts(c) <= TODAY]
    rates = []
    for conditional in listed[begun[-1] if begun else 0:]:
        when = {}
        match conditional.constraint:
            case types.StartDateConstraint(start_date=date) if date > TODAY:
                when["from"] = int(datetime.datetime.combine(date, datetime.time(), datetime.UTC).timestamp())
            case types.TimeOfDateConstraint(start_time=start, end_time=end):
                when["daily"] = [t.hour * 3600 + t.minute * 60 + t.second for t in (start, end)]
        tiers = {t.start for v in vars(conditional.prices).values() if isinstance(v, types.TieredPrices) for t in v.tiers}
        for above in [0, *sorted(tiers)]:
            found = rate(conditional.prices, above)
            if found is None or (not found.keys() & {"input", "output", "request"} and not model.id.endswith(":free")):
                return []
            rates.append(found | when)
    return rates


def starts(conditional):
    return getattr(conditional.constraint, "start_date", None)


def genai(provider):
    theirs, served = GENAI[provider]
    for model in next(p for p in data.providers if p.id == theirs).models:
        ids = re.compile(served or "")
        names = [n for n in patterns(model.match) if ids.search(n)]
        if not ids.search(model.id.lower()) or not speaks(model):
            continue
        name = concrete(provider, model.id, names)
        yield {
            "id": name,
            "also": sorted({*names, model.id.lower()} - {name.lower()}),
            "context": model.context_window,
            "rates": genai_rates(model),
            "deprecated": bool(model.deprecated),
        }


def huggingface():
    """The router's models by the provider that answers: `org/model:provider`."""
    for listed in data.providers:
        if listed.id.startswith("huggingface_"):
            host = listed.id.removeprefix("huggingface_")
            for model in listed.models:
                yield {"id": f"{model.id}:{host}", "also": [], "context": model.context_window, "rates": genai_rates(model)}


def speaks(model):
    """Whether it is priced by tokens or requests at all: sound and page models are not for chat."""
    first = model.prices[0].prices if isinstance(model.prices, list) else model.prices
    keys = {key for key, value in vars(first).items() if value is not None}
    return not keys or bool(keys & {"input_mtok", "output_mtok", "requests_kcount"})


def concrete(provider, model, names):
    """The name to send: genai-prices shortens some ids."""
    if provider == "fireworks":
        full = f"accounts/fireworks/models/{model}"
        return full if full.lower() in names else next((n for n in names if n.startswith("accounts/") and "*" not in n), full)
    return model


def letters(given, row, flags):
    listed = row.get(given)
    if listed:
        return "".join(l for m, l in (("text", "t"), ("image", "i"), ("audio", "a"), ("video", "v"), ("pdf", "d")) if m in listed)
    if given == "supported_output_modalities":
        return "t" if row.get("mode") in ("chat", "responses", "completion") else ""
    return "t" + "".join(letter for flag, letter in flags if row.get(flag))


def limits(row):
    flags = (("supports_vision", "i"), ("supports_audio_input", "a"), ("supports_video_input", "v"), ("supports_pdf_input", "d"))
    read = letters("supported_modalities", row, flags)
    found = {
        "context": row.get("max_input_tokens"),
        "max_output": row.get("max_output_tokens") if row.get("mode") not in ("embedding", "rerank") else None,
        "in": read + ("d" if row.get("supports_pdf_input") and "d" not in read else ""),
        "out": letters("supported_output_modalities", row, ()),
        "json_schema": bool(row.get("supports_response_schema")),
    }
    return {k: v for k, v in found.items() if not isinstance(v, str) or k in ("in", "out")}


def litellm_rates(row):
    """Their price per token, with thresholds, where genai-prices has none."""
    classes = {
        "input": "input_cost_per_token", "output": "output_cost_per_token", "cache_read": "cache_read_input_token_cost",
        "cache_write": "cache_creation_input_token_cost", "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
        "input_audio": "input_cost_per_audio_token", "output_audio": "output_cost_per_audio_token",
    }
    if row.get("input_cost_per_query"):
        # A search unit of reranking.
        return [{"web_search": int((Decimal(str(row["input_cost_per_query"])) * 10**9).to_integral_value())}]
    if not row.get("input_cost_per_token") or row.get("tiered_pricing") or row.get("output_cost_per_image_token"):
        return []
    thresholds = {int(m[1]) for key in row if (m := re.search(r"_above_(\d+)k_tokens$", key))}
    rates = []
    for above in [0, *sorted(thresholds)]:
        found = {"above": above * 1000} if above else {}
        for ours, theirs in classes.items():
            value = row.get(f"{theirs}_above_{above}k_tokens") if above else None
            value = row.get(theirs) if value is None else value
            if value is not None:
                found[ours] = int((Decimal(str(value)) * 10**12).to_integral_value())
        rates.append(found)
    return rates


def litellm(provider):
    prefixes = LITELLM[provider].split()
    for key, row in TABLE.items():
        prefix = row.get("litellm_provider")
        if prefix in prefixes and row.get("mode") in MODES and not key.startswith("ft:"):
            name = key.removeprefix(f"{prefix}/")
            if not re.search(r"\d-x-\d|^\d|-tokens?$|up-to|per-second|/\*$|container", name):
                yield name, row


def fits(pattern, name):
    parts = (re.escape(c) if c not in "*#" else {"*": ".*", "#": r"\d"}[c] for c in pattern)
    return re.fullmatch("".join(parts), name) is not None


def find(models, name):
    """As `Models::find` does."""
    folded = name.lower()
    exact = [m for m in models if folded == m["id"].lower() or folded in m["also"]]
    if exact:
        return exact[0]
    fitting = [(len(p.replace("*", "")), m) for m in models for p in m["also"] if set(p) & set("*#") and fits(p, folded)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def merged(provider):
    models = list(genai(provider)) if provider in GENAI else list(huggingface()) if provider == "huggingface" else []
    priced = list(models)
    rows = list(litellm(provider)) if provider in LITELLM else []
    for name, row in rows:
        model = find(priced, name)
        if model is None and find(models, name):
            continue
        if model is None:
            models.append({"id": name, "also": [], "rates": [] if name in WRONG else litellm_rates(row), **limits(row)})
        elif name.lower() == model["id"].lower() or "max_output" not in model:
            model |= limits(row) | ({"context": model["context"]} if model["context"] else {})
    for name, row in rows:
        model = find(priced, name)
        if model and name in model["also"] and model["max_output"] != row.get("max_output_tokens"):
            # One price, but other limits.
            model["also"].remove(name)
            models.append({"id": name, "also": [], "rates": model["rates"], **limits(row)})
    if provider in COMPLETE:
        for model in priced:
            model["deprecated"] = model["deprecated"] or "max_output" not in model
    return models


def written(model):
    keys = ("id", "also", "context", "max_output", "in", "out", "json_schema", "rates", "deprecated")
    kept = {key: model[key] for key in keys if model.get(key)}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False)


def main():
    names = sorted(GENAI.keys() | LITELLM.keys() | {"huggingface"})
    blocks = []
    for name in names:
        rows = ",\n".join(written(m) for m in sorted(merged(name), key=lambda m: m["id"]))
        blocks.append(f"{json.dumps(name)}:[\n{rows}\n]")
    OUT.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
