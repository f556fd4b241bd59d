//! What only the end of a stream knows, for clients that sent `x-weir-summary: 1`: a comment right
//! before the terminal event, because many clients stop reading at that. Whoever reads server-sent
//! events passes comments over.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use weir_config::OnLoss;
use weir_dialect::json::write;
use weir_model::{Losses, Priced};

use super::losses_text;
use crate::account::Meter;
use crate::call::Call;

const SUMMARY: HeaderName = HeaderName::from_static("x-weir-summary");

/// The part that is known when a stream begins.
pub(crate) struct Summary {
    losses: String,
}

impl Summary {
    /// Whether a client asks for it.
    pub(crate) fn is_asked(client: &HeaderMap) -> bool {
        client.get(&SUMMARY).is_some_and(|value| value == "1")
    }

    /// `None` unless it is asked for.
    pub(crate) fn of(call: &Call, losses: &Losses, on_loss: OnLoss) -> Option<Summary> {
        call.summary.then(|| Summary {
            losses: losses_text(losses, on_loss),
        })
    }

    /// The comment for a call that was settled.
    pub(crate) fn comment(&self, meter: &Meter, cost: Priced) -> Bytes {
        let (usage, estimated) = meter.billable(true);
        let string = |text: &str| String::from_utf8_lossy(&write::string(text)).into_owned();
        let target = string(meter.deployment.as_ref().map_or("", |d| &d.name));
        let cost = match cost {
            Priced::Known(money) => money.to_string(),
            Priced::Unpriced => "null".to_owned(),
        };
        let text = format!(
            ": weir-summary {{\"target\":{target},\"attempts\":{},\"cost_usd\":{cost},\
             \"input_tokens\":{},\"output_tokens\":{},\"usage_estimated\":{estimated},\"losses\":{}}}\n\n",
            meter.attempts,
            usage.input_tokens,
            usage.output_tokens,
            string(&self.losses),
        );
        text.into()
    }
}
