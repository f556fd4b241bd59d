//! What accounting and routing need of OpenAI's Realtime API, whose frames travel as they are.
//! <https://platform.openai.com/docs/api-reference/realtime>

use weir_model::{Rejection, Usage};

use crate::Head;
use crate::json::scan;
use crate::openai::head::no_model;
use crate::openai::scalar::count;

/// What an event of the server means for the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A response begins; its id.
    Begun(String),
    /// A response is over; its id, and what it used.
    Done(String, Option<Usage>),
    /// So many bytes of text or transcript.
    Said(usize),
    /// Nothing.
    Other,
}

/// Reads an event of the server. Looks no further than its type at what is not of interest.
pub fn hear(event: &[u8]) -> Heard {
    let Some(kind) = scan::find_field(event, "type") else {
        return Heard::Other;
    };
    match &event[kind] {
        b"\"response.created\"" => response(event).map_or(Heard::Other, |(id, _)| Heard::Begun(id)),
        b"\"response.done\"" => {
            response(event).map_or(Heard::Other, |(id, usage)| Heard::Done(id, usage))
        }
        kind if kind.ends_with(b"text.delta\"") || kind.ends_with(b"transcript.delta\"") => {
            let delta = scan::find_field(event, "delta");
            Heard::Said(delta.map_or(0, |delta| delta.len().saturating_sub(2)))
        }
        _ => Heard::Other,
    }
}

fn response(event: &[u8]) -> Option<(String, Option<Usage>)> {
    let response = &event[scan::find_field(event, "response")?];
    let id = scan::find_field(response, "id").and_then(|id| scan::string(&response[id]));
    let usage = scan::find_field(response, "usage").and_then(|usage| used(&response[usage]));
    Some((id.unwrap_or_default().into_owned(), usage))
}

fn used(usage: &[u8]) -> Option<Usage> {
    let top = scan::top_level_of_answer(usage)?;
    let number = |name: &str| top.get(usage, name).map_or(0, count);
    let detail = |class: &str, name: &str| {
        let class = top.get(usage, class)?;
        let place = scan::find_field(class, name)?;
        Some(count(&class[place]))
    };
    let (input, output) = ("input_token_details", "output_token_details");
    Some(Usage {
        input_tokens: number("input_tokens"),
        cache_read_tokens: detail(input, "cached_tokens").unwrap_or(0),
        input_audio_tokens: detail(input, "audio_tokens").unwrap_or(0),
        output_tokens: number("output_tokens"),
        output_audio_tokens: detail(output, "audio_tokens").unwrap_or(0),
        ..Usage::default()
    })
}

/// Reads the head of a request for a client secret, whose session names the model.
///
/// # Errors
/// An invalid-request rejection when it names none.
pub(super) fn read_head(body: &[u8]) -> Result<Head<'_>, Rejection> {
    let fields = scan::top_level(body)?;
    let session = fields.find(body, "session").map(|span| span.value.clone());
    let session = session.and_then(|place| scan::object_in(body, place));
    let span = session
        .as_ref()
        .and_then(|session| session.find(body, "model"));
    let model_span = span.ok_or_else(no_model)?.value.clone();
    let model = scan::string(&body[model_span.clone()]).ok_or_else(no_model)?;
    Ok(Head {
        body,
        model,
        model_span,
        stream: false,
        stream_usage: true,
        max_output_tokens: None,
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_what_the_ledger_has_to_know() {
        let created = br#"{"type":"response.created","event_id":"e","response":{"id":"resp_1","usage":null}}"#;
        assert_eq!(hear(created), Heard::Begun("resp_1".into()));
        let done = br#"{"event_id":"e","type":"response.done","response":{"id":"resp_1","status":"completed",
            "usage":{"total_tokens":15,"input_tokens":10,"output_tokens":5,"input_token_details":{"text_tokens":2,
            "audio_tokens":8,"cached_tokens":4},"output_token_details":{"text_tokens":1,"audio_tokens":4}}}}"#;
        let usage = Usage {
            input_tokens: 10,
            cache_read_tokens: 4,
            input_audio_tokens: 8,
            output_tokens: 5,
            output_audio_tokens: 4,
            ..Usage::default()
        };
        assert_eq!(hear(done), Heard::Done("resp_1".into(), Some(usage)));
        let said = br#"{"type":"response.output_audio_transcript.delta","delta":"hello"}"#;
        assert_eq!(hear(said), Heard::Said(5));
        for other in [
            &b"{\"type\":\"session.created\"}"[..],
            b"[]",
            b"",
            b"{\"type\":\"response.done\"}",
        ] {
            assert_eq!(hear(other), Heard::Other);
        }
    }

    #[test]
    fn a_secret_is_for_the_model_of_its_session() {
        let body = br#"{"expires_after":{"seconds":9},"session":{"type":"realtime","model":"gpt-realtime"}}"#;
        let head = read_head(body).unwrap();
        assert_eq!(
            (&*head.model, &body[head.model_span]),
            ("gpt-realtime", &b"\"gpt-realtime\""[..])
        );
        assert!(read_head(br#"{"session":{"type":"transcription"}}"#).is_err());
    }
}
