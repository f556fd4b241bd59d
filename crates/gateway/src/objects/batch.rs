//! What batches cost, told by their results, and the names of models in what they are made of.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::Instant;
use weir_dialect::json::splice::Splices;
use weir_dialect::json::{scan, write};
use weir_dialect::sniff;
use weir_model::{Dialect, Money, Operation, Priced, Rejection, Usage};

use crate::admit::{self, Asked, Outcome, Permit};
use crate::call::{Arrival, Caller, RequestId};
use crate::relay::Tap;
use crate::worker::Worker;
use crate::world::{Deployment, Upstream};

/// Longest line of results that is read, in bytes.
const MAX_LINE: usize = 16 << 20;

/// Whose batch it is.
#[derive(Clone)]
pub(super) struct Bill {
    pub worker: Arc<Worker>,
    pub caller: Caller,
    pub dialect: Dialect,
    pub upstream: Arc<Upstream>,
    /// The vendor's id of the batch.
    pub batch: String,
    pub now_s: i64,
}

/// What the lines of a batch come to.
#[derive(Debug, Default)]
pub(super) struct Total {
    usage: Usage,
    cost: Money,
    /// Whether any of it has no known price.
    unpriced: bool,
    models: HashMap<String, Arc<Deployment>>,
}

impl Total {
    fn add(&mut self, bill: &Bill, model: &str, usage: &Usage) {
        let deployment = self
            .models
            .entry(model.to_owned())
            .or_insert_with(|| Arc::new(Deployment::new(&bill.upstream, model)));
        self.usage.add(usage);
        match deployment.cost(usage, bill.now_s) {
            Priced::Known(cost) => {
                let percent = i128::from(bill.upstream.batch_percent);
                let nano = (i128::from(cost.nano_usd()) * percent + 99) / 100;
                self.cost += Money::from_nano_usd(i64::try_from(nano).unwrap_or(i64::MAX));
            }
            Priced::Unpriced => self.unpriced = true,
        }
    }

    /// Adds a line of results, of either vendor: an answer that was billed has its usage in it.
    fn add_line(&mut self, bill: &Bill, line: &[u8]) {
        let inner = |outer: &str, inner: &str| {
            let outer = &line[scan::find_field(line, outer)?];
            Some(&outer[scan::find_field(outer, inner)?])
        };
        let answer = inner("response", "body").or_else(|| inner("result", "message"));
        let Some(seen) = answer.and_then(sniff) else {
            return;
        };
        match seen.usage {
            Some(usage) => self.add(bill, &seen.model.unwrap_or_default(), &usage),
            None => self.unpriced = true,
        }
    }
}

impl Bill {
    /// Bills a batch as the vendor itself sums it up, once it is over.
    pub(super) fn sum_up(self, batch: &Value) {
        let over = matches!(
            batch["status"].as_str(),
            Some("completed" | "expired" | "cancelled")
        );
        let (Some(model), true) = (batch["model"].as_str(), over && batch["usage"].is_object())
        else {
            return;
        };
        let count = |key: &str| batch["usage"][key].as_u64().unwrap_or(0);
        let detail = |key: &str, part: &str| batch["usage"][key][part].as_u64().unwrap_or(0);
        let usage = Usage {
            input_tokens: count("input_tokens"),
            cache_read_tokens: detail("input_tokens_details", "cached_tokens"),
            output_tokens: count("output_tokens"),
            reasoning_tokens: detail("output_tokens_details", "reasoning_tokens"),
            ..Usage::default()
        };
        let mut total = Total::default();
        total.add(&self, model, &usage);
        self.write(total);
    }

    /// Writes the batch's row, unless it has one, while the call goes on.
    fn write(self, total: Total) {
        let tasks = self.worker.shared.tasks.clone();
        tasks.spawn(async move {
            let claimed = self
                .worker
                .shared
                .objects
                .bill(&self.upstream.name, &self.batch);
            match claimed.await {
                Ok(true) => self.settle(total),
                Ok(false) => {}
                Err(error) => tracing::error!(batch = self.batch, %error, "a batch is not billed"),
            }
        });
    }

    fn settle(self, total: Total) {
        let model = match total.models.keys().next() {
            Some(only) if total.models.len() == 1 => only.as_str(),
            _ => "*",
        };
        let deployment = Arc::new(Deployment::new(&self.upstream, model));
        let arrival = Arrival {
            id: RequestId::of(&self.batch),
            seed: 0,
            at: Instant::now(),
            at_nanos: self.worker.shared.clock.now_nanos(),
        };
        let cost = match total.unpriced {
            true => Priced::Unpriced,
            false => Priced::Known(total.cost),
        };
        let asked = Asked {
            arrival: &arrival,
            caller: &self.caller,
            spoken: self.dialect.into(),
            operation: Operation::Batches,
            public: &deployment.name,
            input_tokens: 0,
            estimate: Some(total.cost),
            request_bytes: 0,
            stream: false,
        };
        let mut permit = match admit::open(&self.worker, &asked) {
            Ok(permit) => permit,
            Err(rejection) => return tracing::error!(%rejection, "a batch is not billed"),
        };
        permit.meter.fixed = Some(cost);
        permit.meter.usage = Some(total.usage);
        permit.meter.deployment = Some(Arc::clone(&deployment));
        permit.settle(200, Outcome::Ok, None);
    }
}

/// Looks on while a batch's results go through, line by line.
pub(super) struct Results {
    bill: Option<Bill>,
    total: Total,
    line: Vec<u8>,
    /// Whether the line is too long to be read.
    skipped: bool,
}

impl Results {
    pub(super) fn new(bill: Bill) -> Results {
        Results {
            bill: Some(bill),
            total: Total::default(),
            line: Vec::new(),
            skipped: false,
        }
    }

    fn end_line(&mut self) {
        if let Some(bill) = &self.bill {
            self.total.add_line(bill, &self.line);
        }
        self.total.unpriced |= std::mem::take(&mut self.skipped);
        self.line.clear();
    }
}

impl Tap for Results {
    fn see(&mut self, bytes: &Bytes) {
        for (index, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            if self.line.len() + part.len() > MAX_LINE {
                self.skipped = true;
            } else if !self.skipped {
                self.line.extend_from_slice(part);
            }
        }
    }

    fn tell(&mut self, _: &mut Permit, whole: bool) {
        self.end_line();
        // A file of errors alone says nothing of what the rest has cost.
        let says = self.total.unpriced || !self.total.models.is_empty();
        if let Some(bill) = self.bill.take().filter(|_| whole && says) {
            bill.write(std::mem::take(&mut self.total));
        }
    }
}

/// The upstream's name of a model that a request names; `None` to leave it as it is.
pub(super) type Rename<'a> = dyn FnMut(&str) -> Result<Option<String>, Rejection> + 'a;

/// The lines of a batch's input, with the upstream's names of models.
///
/// # Errors
/// What `rename` refuses.
pub(super) fn rename_lines(input: &Bytes, rename: &mut Rename<'_>) -> Result<Bytes, Rejection> {
    let mut splices = Splices::default();
    let mut start = 0;
    for line in input.split(|byte| *byte == b'\n') {
        if let Some(body) = scan::find_field(line, "body")
            && let Some(model) = scan::find_field(&line[body.clone()], "model")
        {
            let at = body.start + model.start..body.start + model.end;
            if let Some(name) = scan::string(&line[at.clone()])
                && let Some(name) = rename(&name)?
            {
                splices.replace(start + at.start..start + at.end, write::string(&name));
            }
        }
        start += line.len() + 1;
    }
    Ok(splices.apply(input))
}

/// The edits that put the upstream's names of models into the requests of a batch (Anthropic's).
///
/// # Errors
/// What `rename` refuses.
pub(super) fn rename_requests(
    body: &[u8],
    rename: &mut Rename<'_>,
    splices: &mut Splices,
) -> Result<(), Rejection> {
    let Some(requests) = scan::find_field(body, "requests") else {
        return Ok(());
    };
    for request in scan::elements(body, requests) {
        let within = |place: &std::ops::Range<usize>, key: &str| {
            let found = scan::find_field(&body[place.clone()], key)?;
            Some(place.start + found.start..place.start + found.end)
        };
        let model = within(&request, "params").and_then(|params| within(&params, "model"));
        if let Some(at) = model
            && let Some(name) = scan::string(&body[at.clone()])
            && let Some(name) = rename(&name)?
        {
            splices.replace(at, write::string(&name));
        }
    }
    Ok(())
}
