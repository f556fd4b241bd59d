//! Streams of pictures, sound and transcripts: whatever comes is forwarded, what is used is read.

use std::ops::Range;

use weir_model::{
    Cx, Event, Finish, FinishReason, Json, Kind, Opened, Operation, Rejection, Usage,
};

use super::answer;
use crate::StreamDecoder;
use crate::json::walk::Walk;
use crate::openai::failure;

/// Reads one stream.
#[derive(Debug)]
pub struct Decoder {
    /// Answers that are still to come.
    left: u64,
    counts_images: bool,
    begun: bool,
    /// Whether one answer has come whole.
    answered: bool,
    ended: bool,
}

impl Decoder {
    /// For a request of so many answers.
    pub fn new(operation: Operation, answers: u64) -> Decoder {
        Decoder {
            left: answers,
            counts_images: answer::is_image(operation),
            begun: false,
            answered: false,
            ended: false,
        }
    }

    fn begin(&mut self, kind: &str, out: &mut Vec<Event>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        out.push(Event::Start {
            id: None,
            model: None,
            created: None,
        });
        let kind = Opened::Opaque {
            name: kind.to_owned(),
            json: Json::empty_object(),
        };
        out.push(Event::Open {
            choice: 0,
            block: 0,
            kind,
        });
    }

    fn end(&mut self, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Close {
            choice: 0,
            block: 0,
        });
        let finish = Finish::new(FinishReason::Stop);
        out.push(Event::Finish { choice: 0, finish });
        out.push(Event::End);
    }

    fn fail(&mut self, rejection: Rejection, out: &mut Vec<Event>) {
        self.ended = true;
        out.push(Event::Failed(rejection));
    }
}

/// What a frame says.
#[derive(Default)]
struct Said {
    kind: String,
    usage: Option<Usage>,
    error: Option<Range<usize>>,
}

impl Said {
    fn read(data: &[u8]) -> Option<Said> {
        Walk::through(data, |walk| {
            let mut said = Said::default();
            walk.object(|walk, key| match key {
                b"type" => walk.text().map(|text| said.kind = text.into_owned()),
                b"usage" => answer::usage(walk).map(|usage| said.usage = usage),
                b"error" => walk.skip().map(|span| said.error = Some(span)),
                _ => walk.skip().map(drop),
            })?;
            Some(said)
        })
    }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &str, data: &[u8], _: &Cx<'_>, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if data == b"[DONE]" && self.begun {
            return self.end(out);
        }
        let Some(said) = Said::read(data) else {
            let message = "The provider sent an event that could not be understood.";
            return self.fail(Rejection::upstream(Kind::Malformed, message), out);
        };
        if let Some(error) = said.error.map(|span| serde_json::from_slice(&data[span])) {
            let rejection = error.map(failure::under_200).unwrap_or_else(|_| {
                Rejection::upstream(Kind::Malformed, "The provider reported an error.")
            });
            return self.fail(rejection, out);
        }
        let kind = if said.kind.is_empty() {
            event
        } else {
            &said.kind
        };
        self.begin(kind, out);
        let complete = kind.ends_with(".completed") || kind.ends_with(".done");
        if let Some(mut usage) = said.usage {
            usage.images = u64::from(complete && self.counts_images);
            out.push(Event::Usage(usage));
        }
        if complete {
            self.answered = true;
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                self.end(out);
            }
        }
    }

    fn finish(&mut self, _: &Cx<'_>, out: &mut Vec<Event>) {
        if self.ended {
            return;
        }
        if self.answered {
            return self.end(out);
        }
        let message = "The provider broke off its answer.";
        self.fail(Rejection::upstream(Kind::Malformed, message), out);
    }

    fn model_span(&self, _: &[u8]) -> Option<Range<usize>> {
        None
    }
}
