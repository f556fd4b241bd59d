//! `generationConfig`: <https://ai.google.dev/api/generate-content#generationconfig>.

use weir_model::{Effort, Losses, OutputFormat, Reasoning, Rejection, Request};

use super::super::wire::camel;
use super::parts::{GEMINI_ONLY, UNKNOWN};
use super::schema;
use crate::json::read::{Object, Path, Value};

/// What no other vendor has, or has in another place.
const OWN_FIELDS: [&str; 12] = [
    "audioTimestamp",
    "audioTranscriptionConfig",
    "enableAffectiveDialog",
    "enableEnhancedCivicAnswers",
    "imageConfig",
    "mediaResolution",
    "modelSelectionConfig",
    "responseFormat",
    "routingConfig",
    "speechConfig",
    "translationConfig",
    "videoConfig",
];

pub(super) fn decode(
    value: Value<'_, '_>,
    request: &mut Request,
    losses: &mut Losses,
) -> Result<(), Rejection> {
    let mut object = camel(value.object()?);
    request.max_output_tokens = object.read("maxOutputTokens", |v| v.count())?;
    let sampling = &mut request.sampling;
    sampling.temperature = object.read("temperature", |v| v.number())?;
    sampling.top_p = object.read("topP", |v| v.number())?;
    sampling.top_k = object.read("topK", whole)?;
    sampling.presence_penalty = object.read("presencePenalty", |v| v.number())?;
    sampling.frequency_penalty = object.read("frequencyPenalty", |v| v.number())?;
    sampling.seed = object.read("seed", |v| v.integer())?;
    sampling.n = object.read("candidateCount", small)?;
    sampling.logprobs = object.read("responseLogprobs", |v| v.boolean())?;
    sampling.top_logprobs = object.read("logprobs", small)?;
    sampling.stop = object
        .read("stopSequences", |v| {
            let texts = v.array()?.into_iter();
            texts
                .map(|raw| Ok(Value::new(raw, v.path).string()?.into_owned()))
                .collect()
        })?
        .unwrap_or_default();
    request.output = output(&mut object, losses)?;
    request.reasoning = object.read("thinkingConfig", |v| thinking(v, losses))?;
    object.read("responseModalities", |v| {
        let wanted = v.array()?;
        if wanted
            .iter()
            .any(|raw| !raw.get().eq_ignore_ascii_case("\"text\""))
        {
            losses.add(v.path.to_string(), "answers are text only");
        }
        Ok(())
    })?;
    for key in OWN_FIELDS {
        object.lose(key, GEMINI_ONLY, losses);
    }
    object.lose_rest(UNKNOWN, losses);
    Ok(())
}

/// A whole number, which Google also takes as `40.0`.
fn whole(value: Value<'_, '_>) -> Result<u64, Rejection> {
    let number = value.number()?;
    match number >= 0.0 && number.fract() == 0.0 && number < 1e15 {
        true => Ok(number as u64),
        false => Err(value.invalid("expected a whole number from 0")),
    }
}

fn small(value: Value<'_, '_>) -> Result<u32, Rejection> {
    u32::try_from(value.count()?).map_err(|_| value.invalid("it is too large"))
}

fn output(
    object: &mut Object<'_, '_>,
    losses: &mut Losses,
) -> Result<Option<OutputFormat>, Rejection> {
    let schema = object.read("responseSchema", |v| schema::from_openapi(v))?;
    let schema = match object.read("responseJsonSchema", |v| schema::from_json_schema(v))? {
        Some(schema) => Some(schema),
        None => schema,
    };
    let path = Path::Field(&object.path.clone(), "responseMimeType").to_string();
    let kind = object.read_string("responseMimeType")?;
    Ok(match (kind.as_deref(), schema) {
        (Some("application/json"), None) => Some(OutputFormat::JsonObject),
        (None | Some("application/json"), Some(schema)) => Some(OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            // The vendor holds the model to it by a grammar.
            strict: Some(true),
        }),
        (None | Some("text/plain" | ""), _) => None,
        (Some(_), _) => {
            losses.add(path, GEMINI_ONLY);
            None
        }
    })
}

fn thinking(value: Value<'_, '_>, losses: &mut Losses) -> Result<Reasoning, Rejection> {
    let mut object = camel(value.object()?);
    let mut reasoning = Reasoning::default();
    match object.read("thinkingBudget", |v| v.integer())? {
        None => {}
        Some(0) => reasoning.enabled = Some(false),
        Some(budget) => {
            reasoning.enabled = Some(true);
            // Below zero the model decides.
            reasoning.budget_tokens = u64::try_from(budget).ok();
        }
    }
    let level = object.read_string("thinkingLevel")?;
    reasoning.effort = match level.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("THINKING_LEVEL_UNSPECIFIED") => None,
        Some("MINIMAL") => Some(Effort::Minimal),
        Some("LOW") => Some(Effort::Low),
        Some("MEDIUM") => Some(Effort::Medium),
        Some("HIGH") => Some(Effort::High),
        Some(_) => {
            losses.add(format!("{}.thinkingLevel", value.path), "unknown level");
            None
        }
    };
    let shown = object.read("includeThoughts", |v| v.boolean())?;
    reasoning.display = shown.map(|shown| match shown {
        true => "summarized".to_owned(),
        false => "omitted".to_owned(),
    });
    object.lose_rest(UNKNOWN, losses);
    Ok(reasoning)
}
