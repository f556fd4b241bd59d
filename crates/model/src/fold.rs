//! A stream and a whole answer are two forms of one thing: [`fold`] and [`unfold`] convert.

use std::collections::BTreeMap;

use crate::{
    Block, Choice, Content, Delta, Event, Finish, Json, Opened, Rejection, Response, ToolCall,
    Usage,
};

/// Builds a whole answer from its stream, event by event.
#[derive(Debug, Default)]
pub struct Fold {
    response: Response,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    failed: Option<Rejection>,
}

impl Fold {
    /// Takes the next event. Events that break the grammar are passed over.
    pub fn push(&mut self, event: Event) {
        match event {
            Event::Start { id, model, created } => {
                self.response.id = id;
                self.response.model = model;
                self.response.created = created;
            }
            Event::Open { choice, kind, .. } => self.choice(choice).blocks.push(opened(kind)),
            Event::Delta {
                choice,
                block,
                delta,
                logprobs,
            } => {
                let choice = self.choice(choice);
                choice.logprobs.extend(logprobs);
                if let Some(block) = choice.blocks.get_mut(block as usize) {
                    grow(&mut block.content, delta);
                }
            }
            Event::Finish { choice, finish } => self.choice(choice).finish = Some(finish),
            Event::Usage(usage) => self.usage.get_or_insert_default().merge(&usage),
            Event::Failed(rejection) => self.failed = Some(rejection),
            Event::Close { .. } | Event::Ping | Event::Opaque { .. } | Event::End => {}
        }
    }

    /// The answer so far.
    ///
    /// # Errors
    /// The stream's own failure, when it ended in one.
    pub fn finish(self) -> Result<Response, Rejection> {
        match self.failed {
            Some(rejection) => Err(rejection),
            None => Ok(Response {
                choices: self.choices.into_values().collect(),
                usage: self.usage,
                ..self.response
            }),
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_default()
    }
}

/// The whole answer of a complete stream.
///
/// # Errors
/// The stream's own failure, when it ended in one.
pub fn fold(events: impl IntoIterator<Item = Event>) -> Result<Response, Rejection> {
    let mut fold = Fold::default();
    events.into_iter().for_each(|event| fold.push(event));
    fold.finish()
}

/// A stream that folds to `response`: each block in one delta, choices one after the other.
pub fn unfold(response: Response) -> Vec<Event> {
    let mut events = vec![Event::Start {
        id: response.id,
        model: response.model,
        created: response.created,
    }];
    for (choice, answer) in (0u32..).zip(response.choices) {
        let mut logprobs = answer.logprobs;
        for (block, piece) in (0u32..).zip(answer.blocks) {
            unfold_block(choice, block, piece.content, &mut logprobs, &mut events);
        }
        let finish = answer
            .finish
            .unwrap_or(Finish::new(crate::FinishReason::Other));
        events.push(Event::Finish { choice, finish });
    }
    events.extend(response.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn unfold_block(
    choice: u32,
    block: u32,
    content: Content,
    logprobs: &mut Vec<Json>,
    events: &mut Vec<Event>,
) {
    let (kind, deltas) = match content {
        Content::Text { text, citations } => {
            let mut deltas = vec![Delta::Text(text)];
            deltas.extend(citations.into_iter().map(Delta::Citation));
            (Opened::Text, deltas)
        }
        Content::Reasoning { text, signature } => {
            let mut deltas = vec![Delta::Reasoning(text)];
            deltas.extend(signature.map(Delta::Signature));
            (Opened::Reasoning, deltas)
        }
        Content::RedactedReasoning { data } => (Opened::RedactedReasoning { data }, Vec::new()),
        Content::ToolCall(ToolCall {
            id,
            name,
            arguments,
        }) => (
            Opened::ToolCall { id, name },
            vec![Delta::Arguments(arguments)],
        ),
        Content::Refusal { text } => (Opened::Refusal, vec![Delta::Refusal(text)]),
        Content::Opaque { kind, json } => (Opened::Opaque { name: kind, json }, Vec::new()),
        // A model's answer holds none of these in any dialect that streams blocks.
        Content::ToolResult(_) | Content::Image(_) | Content::Audio(_) | Content::Document(_) => {
            (Opened::Text, Vec::new())
        }
    };
    let carries_logprobs = matches!(kind, Opened::Text | Opened::Refusal);
    events.push(Event::Open {
        choice,
        block,
        kind,
    });
    for delta in deltas.into_iter().filter(|d| !is_empty(d)) {
        let logprobs = if carries_logprobs {
            std::mem::take(logprobs)
        } else {
            Vec::new()
        };
        events.push(Event::Delta {
            choice,
            block,
            delta,
            logprobs,
        });
    }
    events.push(Event::Close { choice, block });
}

fn is_empty(delta: &Delta) -> bool {
    match delta {
        Delta::Citation(_) | Delta::Signature(_) => false,
        other => other.text_len() == 0,
    }
}

fn opened(kind: Opened) -> Block {
    let content = match kind {
        Opened::Text => Content::Text {
            text: String::new(),
            citations: Vec::new(),
        },
        Opened::Reasoning => Content::Reasoning {
            text: String::new(),
            signature: None,
        },
        Opened::RedactedReasoning { data } => Content::RedactedReasoning { data },
        Opened::ToolCall { id, name } => Content::ToolCall(ToolCall {
            id,
            name,
            arguments: String::new(),
        }),
        Opened::Refusal => Content::Refusal {
            text: String::new(),
        },
        Opened::Opaque { name, json } => Content::Opaque { kind: name, json },
    };
    content.into()
}

fn grow(content: &mut Content, delta: Delta) {
    match (content, delta) {
        (Content::Text { text, .. }, Delta::Text(more))
        | (Content::Reasoning { text, .. }, Delta::Reasoning(more))
        | (Content::Refusal { text }, Delta::Refusal(more)) => text.push_str(&more),
        (Content::Text { citations, .. }, Delta::Citation(more)) => citations.push(more),
        (Content::Reasoning { signature, .. }, Delta::Signature(more)) => {
            signature.get_or_insert_default().push_str(&more);
        }
        (Content::ToolCall(call), Delta::Arguments(more)) => call.arguments.push_str(&more),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
