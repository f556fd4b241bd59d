//! The page about the simulated provider's model names.

use std::fmt::Write;

use weir_sim::Kind;

const HEAD: &str = "# The simulated provider

Every Weir has the provider `sim`. It answers from inside the process, without a key and without a network, on the wire \
of OpenAI Chat Completions and of Anthropic Messages, and always the same for the same request. The model name says \
what it does: a behaviour, and options after it.

```
sim/echo
sim/echo+first_ms=500+gap_ms=20
sim/fail+status=429+retry_after=2
```
";

pub(super) fn page() -> String {
    let catalog = weir_sim::catalog();
    let mut page = format!("{HEAD}\n## Behaviours\n\n| Model | What it does |\n|---|---|\n");
    // Writing to a string cannot fail.
    for behaviour in catalog.behaviours {
        let _ = writeln!(page, "| `sim/{}` | {} |", behaviour.name, behaviour.about);
    }
    page += "\n## Options\n\n| Option | What it does |\n|---|---|\n";
    for knob in catalog.options {
        let value = match knob.kind {
            Kind::Flag => String::new(),
            Kind::Number { max } => format!("=0..{max}"),
            Kind::Word => "=WORD".to_owned(),
        };
        let _ = writeln!(page, "| `+{}{value}` | {} |", knob.name, knob.about);
    }
    page
}
