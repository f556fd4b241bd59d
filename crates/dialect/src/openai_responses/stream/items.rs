//! The items of a streamed answer while they grow, and the blocks that come of them. A server that
//! leaves out frames, or sends only whole pieces, is understood as well.

use serde_json::value::RawValue;
use weir_model::{Cx, Delta, Event, Json, Opened, Rejection, ToolCall};

use super::super::response::malformed;
use super::super::wire::{BREAK, Item, Opaque, Part, Reasoning};
use crate::openai::scalar::text;

/// Most items that grow at a time, and most parts of one.
const MOST_OPEN: usize = 1024;

/// The output so far.
#[derive(Debug, Default)]
pub(super) struct Items {
    open: Vec<Growing>,
    /// The next block's index.
    next: u32,
    called: bool,
    searches: u64,
}

/// An item that is not done.
#[derive(Debug)]
struct Growing {
    /// Its `output_index`.
    at: u64,
    blocks: Vec<Open>,
}

/// A block of an item.
#[derive(Clone, Copy, Debug)]
struct Open {
    block: u32,
    kind: Kind,
    /// The part of a message, or of a thought.
    part: u64,
    /// Whether nothing has come yet.
    empty: bool,
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    /// A thought, and whether it is its summary that is shown.
    Thought {
        summary: bool,
    },
    Call,
}

impl Items {
    /// An item begins. What it holds already counts when it is done, but for the name of a call.
    pub(super) fn begin(
        &mut self,
        at: u64,
        item: &Item<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.grow(at)?;
        if let Item::Call(call) = item {
            let call = call.content(|| cx.ids.mint("call_"));
            self.open_call(at, call, out)?;
        }
        Ok(())
    }

    /// An item is done: what was not streamed of it is made up for.
    pub(super) fn complete(
        &mut self,
        at: u64,
        item: Item<'_>,
        cx: &Cx<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        match item {
            Item::Message(parts) => {
                for (index, part) in (0..).zip(&parts) {
                    self.make_up(at, index, part, out)?;
                }
            }
            Item::Reasoning(reasoning) => self.prove(at, &reasoning, out)?,
            Item::Call(call) => {
                let call = call.content(|| cx.ids.mint("call_"));
                match self.block(at, |open| open.kind == Kind::Call) {
                    Some(_) => self.whole_arguments(at, &call.arguments, out),
                    None => self.open_call(at, call, out)?,
                }
            }
            Item::Opaque(item) => self.opaque(item, out),
        }
        if let Some(index) = self.open.iter().position(|item| item.at == at) {
            close(&self.open.remove(index), out);
        }
        Ok(())
    }

    /// A part of a message begins.
    pub(super) fn open_part(
        &mut self,
        at: u64,
        part: u64,
        kind: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        match kind {
            "output_text" => self.part(at, part, Kind::Text, out).map(drop),
            "refusal" => self.part(at, part, Kind::Refusal, out).map(drop),
            _ => Ok(()),
        }
    }

    /// A part of a message is done.
    pub(super) fn close_part(&mut self, at: u64, part: u64, out: &mut Vec<Event>) {
        let spoken = |open: &Open| open.part == part && is_spoken(open.kind);
        if let Some(open) = self.block(at, spoken) {
            open.closed = true;
            let block = open.block;
            out.push(Event::Close { choice: 0, block });
        }
    }

    /// More of a text. Tokens without text may still have log probabilities.
    pub(super) fn text(
        &mut self,
        at: u64,
        part: u64,
        words: &str,
        logprobs: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let open = self.part(at, part, Kind::Text, out)?;
        if words.is_empty() && logprobs.is_none() {
            return Ok(());
        }
        open.empty &= words.is_empty();
        let tokens = logprobs.map(|raw| serde_json::from_str::<Vec<&RawValue>>(raw.get()));
        let tokens = tokens.and_then(Result::ok).unwrap_or_default();
        out.push(Event::Delta {
            choice: 0,
            block: open.block,
            delta: Delta::Text(words.to_owned()),
            logprobs: tokens.into_iter().map(Json::from).collect(),
        });
        Ok(())
    }

    /// A text is complete; it may not have come in pieces.
    pub(super) fn whole_text(
        &mut self,
        at: u64,
        part: u64,
        words: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        match self.was_said(at, part) {
            true => Ok(()),
            false => self.text(at, part, words, None, out),
        }
    }

    /// A source for the text so far.
    pub(super) fn cite(
        &mut self,
        at: u64,
        part: u64,
        source: Option<&RawValue>,
        out: &mut Vec<Event>,
    ) {
        let cited = |open: &Open| open.part == part && open.kind == Kind::Text;
        if let (Some(open), Some(source)) = (self.block(at, cited), source) {
            push(open.block, Delta::Citation(Json::from(source)), out);
        }
    }

    /// More of a refusal.
    pub(super) fn refuse(
        &mut self,
        at: u64,
        part: u64,
        words: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let open = self.part(at, part, Kind::Refusal, out)?;
        if !words.is_empty() {
            open.empty = false;
            push(open.block, Delta::Refusal(words.to_owned()), out);
        }
        Ok(())
    }

    /// A refusal is complete; it may not have come in pieces.
    pub(super) fn whole_refusal(
        &mut self,
        at: u64,
        part: u64,
        words: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        match self.was_said(at, part) {
            true => Ok(()),
            false => self.refuse(at, part, words, out),
        }
    }

    /// More of a call's arguments.
    pub(super) fn arguments(&mut self, at: u64, more: &str, out: &mut Vec<Event>) {
        if let Some(open) = self.block(at, |open| open.kind == Kind::Call)
            && !more.is_empty()
        {
            open.empty = false;
            push(open.block, Delta::Arguments(more.to_owned()), out);
        }
    }

    /// A call's arguments are complete; they may not have come in pieces.
    pub(super) fn whole_arguments(&mut self, at: u64, arguments: &str, out: &mut Vec<Event>) {
        if let Some(open) = self.block(at, |open| open.kind == Kind::Call)
            && open.empty
        {
            self.arguments(at, arguments, out);
        }
    }

    /// More of a thought, which stands in a summary's part or in a part of the thought itself. Of
    /// the two the one that comes first is shown.
    pub(super) fn think(
        &mut self,
        at: u64,
        (summary, part): (bool, u64),
        words: &str,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let kind = Kind::Thought { summary };
        let (block, another) = match self.block(at, |open| is_thought(open.kind)) {
            Some(open) if open.kind != kind => return Ok(()),
            Some(open) => {
                let another = std::mem::replace(&mut open.part, part) != part;
                (open.block, another)
            }
            None => (
                self.open(at, part, kind, Opened::Reasoning, out)?.block,
                false,
            ),
        };
        if another {
            push(block, Delta::Reasoning(BREAK.to_owned()), out);
        }
        if !words.is_empty() {
            push(block, Delta::Reasoning(words.to_owned()), out);
        }
        Ok(())
    }

    /// The answer is complete. Says whether the client has to run something, and how many searches
    /// were run.
    pub(super) fn end(&mut self, out: &mut Vec<Event>) -> (bool, u64) {
        for item in std::mem::take(&mut self.open) {
            close(&item, out);
        }
        (self.called, self.searches)
    }

    /// What of a part was not streamed.
    fn make_up(
        &mut self,
        at: u64,
        index: u64,
        part: &Part<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if self.was_said(at, index) {
            return Ok(());
        }
        if text(&part.kind) == "refusal" {
            return self.whole_refusal(at, index, text(&part.refusal), out);
        }
        self.whole_text(at, index, text(&part.text), out)?;
        for source in part.annotations.iter().flatten() {
            self.cite(at, index, Some(source), out);
        }
        Ok(())
    }

    /// A thought is complete, and may have its proof now.
    fn prove(
        &mut self,
        at: u64,
        reasoning: &Reasoning<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let shown = self.has(at, |open| is_thought(open.kind));
        if !shown && let Some(words) = reasoning.text() {
            self.think(at, (true, 0), &words, out)?;
        }
        let open = self.block(at, |open| is_thought(open.kind)).copied();
        match (open, reasoning.proof()) {
            (Some(open), Some(proof)) => push(open.block, Delta::Signature(proof), out),
            (None, Some(data)) => self.at_once(Opened::RedactedReasoning { data }, out),
            (_, None) => {}
        }
        Ok(())
    }

    fn opaque(&mut self, item: Opaque, out: &mut Vec<Event>) {
        self.called |= item.called;
        self.searches += u64::from(item.searched);
        let (name, json) = (item.kind, item.json);
        self.at_once(Opened::Opaque { name, json }, out);
    }

    fn open_call(
        &mut self,
        at: u64,
        call: ToolCall,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.called = true;
        let (id, name) = (call.id, call.name);
        self.open(at, 0, Kind::Call, Opened::ToolCall { id, name }, out)?;
        self.arguments(at, &call.arguments, out);
        Ok(())
    }

    /// The block of a part of a message, opened where there is none.
    fn part(
        &mut self,
        at: u64,
        part: u64,
        kind: Kind,
        out: &mut Vec<Event>,
    ) -> Result<&mut Open, Rejection> {
        let known = |open: &Open| open.part == part && open.kind == kind;
        if self.block(at, known).is_none() {
            let opened = match kind {
                Kind::Refusal => Opened::Refusal,
                _ => Opened::Text,
            };
            self.open(at, part, kind, opened, out)?;
        }
        self.block(at, known).ok_or_else(too_many)
    }

    /// Whether anything of a part of a message has come.
    fn was_said(&self, at: u64, part: u64) -> bool {
        self.has(at, |open| {
            open.part == part && is_spoken(open.kind) && !open.empty
        })
    }

    /// Whether an item has a block, open or closed, that is `wanted`.
    fn has(&self, at: u64, wanted: impl Fn(&Open) -> bool) -> bool {
        let item = self.open.iter().find(|item| item.at == at);
        item.is_some_and(|item| item.blocks.iter().any(wanted))
    }

    /// The open block of an item that is `wanted`.
    fn block(&mut self, at: u64, wanted: impl Fn(&Open) -> bool) -> Option<&mut Open> {
        let item = self.open.iter_mut().rev().find(|item| item.at == at)?;
        let mut blocks = item.blocks.iter_mut().rev();
        blocks.find(|open| !open.closed && wanted(open))
    }

    fn open(
        &mut self,
        at: u64,
        part: u64,
        kind: Kind,
        opened: Opened,
        out: &mut Vec<Event>,
    ) -> Result<Open, Rejection> {
        if kind != Kind::Call {
            self.fall_silent(out);
        }
        let block = self.next;
        let item = self.grow(at)?;
        if item.blocks.len() == MOST_OPEN {
            return Err(too_many());
        }
        let open = Open {
            block,
            kind,
            part,
            empty: true,
            closed: false,
        };
        item.blocks.push(open);
        self.begin_block(opened, out);
        Ok(open)
    }

    /// Closes what is said or thought: calls may take turns, but words are read as they come.
    fn fall_silent(&mut self, out: &mut Vec<Event>) {
        let blocks = self.open.iter_mut().flat_map(|item| &mut item.blocks);
        for open in blocks.filter(|open| !open.closed && open.kind != Kind::Call) {
            open.closed = true;
            let block = open.block;
            out.push(Event::Close { choice: 0, block });
        }
    }

    /// A block that is complete as it opens.
    fn at_once(&mut self, opened: Opened, out: &mut Vec<Event>) {
        let block = self.next;
        self.begin_block(opened, out);
        out.push(Event::Close { choice: 0, block });
    }

    fn begin_block(&mut self, kind: Opened, out: &mut Vec<Event>) {
        out.push(Event::Open {
            choice: 0,
            block: self.next,
            kind,
        });
        self.next += 1;
    }

    fn grow(&mut self, at: u64) -> Result<&mut Growing, Rejection> {
        let known = self.open.iter().position(|item| item.at == at);
        let index = match known {
            Some(index) => index,
            None if self.open.len() == MOST_OPEN => return Err(too_many()),
            None => {
                let blocks = Vec::new();
                self.open.push(Growing { at, blocks });
                self.open.len() - 1
            }
        };
        Ok(&mut self.open[index])
    }
}

fn is_spoken(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Refusal)
}

fn is_thought(kind: Kind) -> bool {
    matches!(kind, Kind::Thought { .. })
}

fn close(item: &Growing, out: &mut Vec<Event>) {
    let open = item.blocks.iter().filter(|open| !open.closed);
    out.extend(open.map(|open| Event::Close {
        choice: 0,
        block: open.block,
    }));
}

fn push(block: u32, delta: Delta, out: &mut Vec<Event>) {
    out.push(Event::Delta {
        choice: 0,
        block,
        delta,
        logprobs: Vec::new(),
    });
}

fn too_many() -> Rejection {
    let message = "The provider sent too many pieces at once.";
    malformed(message, MOST_OPEN)
}
