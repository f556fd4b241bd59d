//! A table of mistakes and of what is said about them.

use super::load;

/// A file, and what is said of it.
const BAD: &[(&str, &str)] = &[
    (
        "models: {fast: {targets: [], retry: {max_retry: 1}}}",
        "w.yaml:1:38: models.fast.retry: unknown key `max_retry`: did you mean `max_retries`?",
    ),
    (
        "sevrer: {}\nfoo: 1",
        "w.yaml:1:1: unknown key `sevrer`: did you mean `server`?\nw.yaml:2:1: unknown key `foo`",
    ),
    ("- a", "w.yaml:1:1: expected a mapping, found a list"),
    ("a: [", "w.yaml:1:4: not YAML: unclosed bracket '['"),
    (
        "server: {auth: of}",
        "w.yaml:1:16: server.auth: expected `on` or `off`: did you mean `off`?",
    ),
    (
        "server: {workers: many}",
        "w.yaml:1:19: server.workers: expected a whole number, at most 65535",
    ),
    (
        "providers: {sim: {json_schema: yes, string_content: []}}",
        "w.yaml:1:32: providers.sim.json_schema: expected `true` or `false`\n\
         w.yaml:1:37: providers.sim.string_content: expected `true` or `false`, found a list",
    ),
    (
        "server: {workers: 0}",
        "w.yaml:1:19: server.workers: must be at least 1",
    ),
    (
        "server: {listen: 'localhost:80'}",
        "w.yaml:1:18: server.listen: expected an IP address and a port, such as `0.0.0.0:4000`",
    ),
    (
        "server: {max_body: 1.5MiB, max_header_bytes: lots}",
        "w.yaml:1:20: server.max_body: expected a number of bytes, such as `65536`, `64KiB` or `32MiB`\n\
         w.yaml:1:46: server.max_header_bytes: expected a number of bytes, such as `65536`, `64KiB` or `32MiB`",
    ),
    (
        "server: {max_body: 12, max_header_bytes: 1KiB}",
        "w.yaml:1:20: server.max_body: must be at least 1KiB\n\
         w.yaml:1:42: server.max_header_bytes: must be at least 8KiB",
    ),
    (
        "server:\n  auth: off\n  listen: 0.0.0.0:4000",
        "w.yaml:2:9: server.auth: `off` is accepted on a loopback address only, and `listen` is 0.0.0.0:4000",
    ),
    (
        "server: {listen: '127.0.0.1:4001'}",
        "w.yaml:1:1: server.admin_listen: is the same address as `listen`",
    ),
    (
        "server: {secret: hunter2}",
        "w.yaml:1:18: server.secret: is shorter than 32 characters",
    ),
    (
        "server: {secret: \"${NOPE}\"}",
        "w.yaml:1:18: server.secret: environment variable `NOPE` is not set",
    ),
    (
        "server: {drain_timeout_ms: 0, keep_alive_ms: 0}",
        "w.yaml:1:28: server.drain_timeout_ms: must be at least 1\n\
         w.yaml:1:46: server.keep_alive_ms: must be at least 1",
    ),
    (
        "store: {database: 'postgres://u:hunter2@h/d'}",
        "w.yaml:1:19: store.database: expected `sqlite:` and the path of a file, such as `sqlite:weir.db`",
    ),
    (
        "store: {sync: alwyas}",
        "w.yaml:1:15: store.sync: expected `os` or `always`: did you mean `always`?",
    ),
    (
        "network: {proxy: 'socks5://h:1', max_streams_per_connection: 0}",
        "w.yaml:1:18: network.proxy: expected `environment`, `off`, or an `http://` or `https://` URL",
    ),
    (
        "network: {ca_file: /nowhere.pem, max_streams_per_connection: 0}",
        "w.yaml:1:20: network.ca_file: `/nowhere.pem` is not a file\n\
         w.yaml:1:62: network.max_streams_per_connection: must be at least 1",
    ),
    (
        "providers: {opanai: {api_key: k}}",
        "w.yaml:1:13: providers.opanai: `opanai` is not in the catalog and needs `kind` and `base_url`: did you mean `openai`?",
    ),
    (
        "providers: {x: {kind: openai-compatable}}",
        "w.yaml:1:23: providers.x.kind: unknown kind `openai-compatable`: did you mean `openai-compatible`?",
    ),
    (
        "providers: {x: {kind: openai-compatible}}",
        "w.yaml:1:13: providers.x: key `base_url` is missing",
    ),
    (
        "providers: {x: {kind: custom}}",
        "w.yaml:1:13: providers.x: key `speaks` is missing",
    ),
    (
        "providers: {x: {kind: custom, base_url: 'http://a'}}",
        "w.yaml:1:41: providers.x.base_url: kind `custom` needs `speaks` instead: a base URL for each dialect",
    ),
    (
        "providers: {x: {kind: custom, speaks: {openai: 'http://a'}}}",
        "w.yaml:1:48: providers.x.speaks.openai: unknown dialect `openai`",
    ),
    (
        "providers: {x: {kind: openai, base_url: 'http://a', speaks: {openai_chat: 'http://a'}}}",
        "w.yaml:1:41: providers.x.base_url: stands beside `speaks`: write one of them",
    ),
    (
        "providers: {sim: {base_url: 'http://a'}, openai: {base_url: 'http://a', variables: {a: b}}}",
        "w.yaml:1:29: providers.sim.base_url: is not used: the provider is built in\n\
         w.yaml:1:73: providers.openai.variables: fill the catalog's address, which is not used here",
    ),
    (
        "providers: {azure-openai: {api_key: k, variables: {resource: 'u:p@h/'}}}",
        "w.yaml:1:40: providers.azure-openai.variables: a URL must not hold credentials: use `api_key` or `headers`",
    ),
    (
        "providers: {x: {kind: custom, speaks: {openai_chat: 'a'}}}",
        "w.yaml:1:53: providers.x.speaks.openai_chat: expected an `http://` or `https://` URL with a host",
    ),
    (
        "providers: {x: {kind: openai, base_url: 'https://u:hunter2@h/v1'}}",
        "w.yaml:1:41: providers.x.base_url: a URL must not hold credentials: use `api_key` or `headers`",
    ),
    (
        "providers: {groq: {}}",
        "w.yaml:1:13: providers.groq: key `api_key` is missing, and `GROQ_API_KEY` is not set",
    ),
    (
        "providers: {azure-openai: {api_key: k}}",
        "w.yaml:1:13: providers.azure-openai: its address is not known: write `base_url` or `variables`, \
         or set `AZURE_OPENAI_RESOURCE`",
    ),
    (
        "providers: {azure-openai: {api_key: k, variables: {resorce: k}}}",
        "w.yaml:1:61: providers.azure-openai.variables.resorce: unknown variable `resorce`: did you mean `resource`?",
    ),
    (
        "providers: {a/b: {kind: openai}}",
        "w.yaml:1:13: providers.\"a/b\": a provider's name has no `/`, `*` or spaces",
    ),
    (
        "providers: {openai: {api_key: \"a\\nb\", headers: {host: x, 'a b': x, ok: \"\\0\"}, timeouts: {idle_ms: 0}}}",
        "w.yaml:1:31: providers.openai.api_key: is empty, or holds what a header cannot\n\
         w.yaml:1:55: providers.openai.headers.host: is set by Weir alone\n\
         w.yaml:1:65: providers.openai.headers.\"a b\": is not the name of a header\n\
         w.yaml:1:72: providers.openai.headers.ok: holds what a header cannot\n\
         w.yaml:1:99: providers.openai.timeouts.idle_ms: must be at least 1",
    ),
    (
        "providers: {openai: {models: {m: {price: {input_usd_per_mtok: 1e-3}}}}}",
        "w.yaml:1:63: providers.openai.models.m.price.input_usd_per_mtok: expected USD per million tokens, \
         such as `2.50`: at most 6 decimal places, no exponent",
    ),
    (
        "providers: {openai: {models: {m: {price: {request_usd: 1}}}}}",
        "w.yaml:1:35: providers.openai.models.m.price: key `input_usd_per_mtok` is missing",
    ),
    (
        "keys: [{name: a, value: short}, {name: a, value: 0123456789abcdef}, {name: '', value: 0123456789abcdef}]",
        "w.yaml:1:25: keys[0].value: is shorter than 16 characters\n\
         w.yaml:1:40: keys[1].name: `a` is already the name of keys[0]\n\
         w.yaml:1:76: keys[2].name: is empty\n\
         w.yaml:1:87: keys[2].value: is also the value of keys[1]",
    ),
    (
        "keys: [{name: a}]",
        "w.yaml:1:8: keys[0]: key `value` is missing",
    ),
    (
        "keys: {a: b}",
        "w.yaml:1:1: keys: expected a list, found a mapping",
    ),
    (
        "keys: [{name: a, value: 'with spaces in the key'}]",
        "w.yaml:1:25: keys[0].value: may hold visible ASCII characters only",
    ),
    (
        "keys: [{name: a, value: 0123456789abcdef, models: ['gpt-?']}]",
        "w.yaml:1:52: keys[0].models[0]: expected a name or a glob: only `*` is a wildcard, and spaces are refused",
    ),
    (
        "models: {'gpt-[34]': {targets: []}}",
        "w.yaml:1:10: models: expected a name or a glob: only `*` is a wildcard, and spaces are refused",
    ),
    (
        "models: {fast: {}}",
        "w.yaml:1:10: models.fast: key `targets` is missing",
    ),
    (
        "models: {fast: {targets: [{target: gpt-4o}]}}",
        "w.yaml:1:36: models.fast.targets[0].target: expected `provider/model`, or `provider/*` under a glob",
    ),
    (
        "models: {fast: {targets: [{target: groq/x}, {target: x/y}]}}",
        "w.yaml:1:36: models.fast.targets[0].target: provider `groq` is not configured: add it under `providers`\n\
         w.yaml:1:54: models.fast.targets[1].target: provider `x` is not configured",
    ),
    (
        "providers: {sim: {}}\nmodels: {a: {targets: [{target: simm/x, weight: 0}, {target: 'sim/*', weight: 0}]}}",
        "w.yaml:2:14: models.a.targets: all weights are 0: no target would be chosen\n\
         w.yaml:2:33: models.a.targets[0].target: provider `simm` is not configured: did you mean `sim`?\n\
         w.yaml:2:62: models.a.targets[1].target: `sim/*` stands under a glob only: name a model",
    ),
    (
        "providers: {sim: {}}\nmodels: {fast: {targets: [{target: sim/x}], fallbacks: [fast, fats, groq/x], \
         retry: {max_retries: 11}, timeouts: {total_ms: 0}}}",
        "w.yaml:2:57: models.fast.fallbacks[0]: `fast` falls back to itself\n\
         w.yaml:2:63: models.fast.fallbacks[1]: `fats` is neither `provider/model` nor a name under `models`: did you mean `fast`?\n\
         w.yaml:2:69: models.fast.fallbacks[2]: provider `groq` is not configured: add it under `providers`\n\
         w.yaml:2:99: models.fast.retry.max_retries: must be at most 10\n\
         w.yaml:2:125: models.fast.timeouts.total_ms: must be at least 1",
    ),
    (
        "models: {fast: {targets: []}}",
        "w.yaml:1:17: models.fast.targets: is empty",
    ),
    (
        "models: {a: {strategy: cheapest}}",
        "w.yaml:1:24: models.a.strategy: expected `weighted`",
    ),
];

#[test]
fn mistakes_are_named_where_they_stand() {
    let mut wrong = String::new();
    for (text, expected) in BAD {
        let said = load(text).map_or_else(|errors| errors, |_| "nothing".to_owned());
        if said != *expected {
            wrong += &format!("{text}\n  expected: {expected}\n  said: {said}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
