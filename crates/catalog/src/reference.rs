//! The table of providers for the documentation.

use std::fmt::Write;

use weir_model::Quirks;

use crate::{Auth, Catalog, Provider};

/// A markdown table of the shipped providers.
pub fn reference() -> String {
    let mut page = String::from(
        "| Name | Provider | Speaks | Base URL | Key | Departures |\n|---|---|---|---|---|---|\n",
    );
    for provider in Catalog::builtin().providers() {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}", row(provider));
    }
    page
}

fn row(provider: &Provider) -> String {
    let speaks = provider.speaks.iter().map(|e| code(e.spoken.name()));
    let urls = provider.speaks.iter().map(|e| code(&e.base_url));
    format!(
        "| {} | [{}]({}) | {} | {} | {} | {} |",
        code(&provider.name),
        provider.title,
        provider.docs,
        list(speaks),
        list(urls),
        key(provider),
        departures(&provider.quirks),
    )
}

fn key(provider: &Provider) -> String {
    let header = match &provider.auth {
        Auth::None => return "none".to_owned(),
        Auth::OptionalBearer => return "optional".to_owned(),
        Auth::Bearer => String::new(),
        Auth::Header(name) => format!(" in {}", code(name)),
    };
    let vars = provider.url_vars.iter().filter_map(|var| var.env.first());
    let key = provider.key_env.first().into_iter();
    let all = key
        .chain(provider.url_env.first())
        .chain(vars)
        .map(|name| code(name));
    list(all) + &header
}

fn departures(quirks: &Quirks) -> String {
    let drops = quirks
        .drop
        .iter()
        .map(|field| format!("drops {}", code(field)));
    let renames = quirks
        .rename
        .iter()
        .map(|(ours, theirs)| format!("{} is {}", code(ours), code(theirs)));
    let reasoning = quirks
        .reasoning_field
        .iter()
        .map(|field| format!("reasoning in {}", code(field)));
    let flags = [
        (quirks.developer_as_system, "developer as system"),
        (quirks.string_content, "content as one string"),
        (quirks.no_json_schema, "no JSON schema"),
        (quirks.refuses_reasoning, "refuses other reasoning"),
        (quirks.short_call_ids, "nine characters name a tool call"),
    ];
    let flags = flags
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, says)| says.to_owned());
    let signed = quirks.signed_thinking.iter().map(|part| match &**part {
        "" => "only signed thinking".to_owned(),
        part => format!("only signed thinking for names with {}", code(part)),
    });
    list(
        drops
            .chain(renames)
            .chain(reasoning)
            .chain(flags)
            .chain(signed),
    )
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
