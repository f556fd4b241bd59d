//! Answers to embeddings and reranking: native ones as they came, others made from as many answers
//! as requests were sent. What was used is taken from all of them.

use bytes::Bytes;
use tokio::time::Instant;
use weir_dialect::json::scan;
use weir_dialect::vectors;
use weir_model::{Operation, Rejection, Shape, Source, Usage};

use super::read_failure;
use super::whole::Attempt;
use crate::account::estimate_tokens;
use crate::rejection::Failure;
use crate::send;

/// Documents in a search unit of reranking.
/// <https://docs.cohere.com/docs/how-does-cohere-pricing-work>
const UNIT: usize = 100;

impl Attempt<'_> {
    /// Notes usage, and puts back the name that the client asked for where it was an alias.
    pub(super) fn native_vectors(&mut self, body: Bytes) -> Result<Bytes, Rejection> {
        let receipt = vectors::read_receipt(&body)?;
        self.used(receipt.usage);
        Ok(self.renamed(&body, receipt.model_span))
    }

    /// Sends what is left to send, and makes the client's answer of all that came.
    ///
    /// # Errors
    /// What the upstream did wrong with any of the requests.
    pub(super) async fn reshaped(&mut self, shape: Shape, first: Bytes) -> Result<Bytes, Failure> {
        let mut bodies = vec![first];
        for outgoing in std::mem::take(&mut self.further.more) {
            let (pool, network) = (self.further.pool, &self.world.network);
            let timeouts = &self.route.timeouts;
            let begun = Instant::now();
            let sent = send::send(pool, network, Box::new(outgoing), timeouts, self.deadline);
            let answer = sent.await?;
            if !(200..300).contains(&answer.status) {
                return Err(read_failure(answer, self.lane, self.call.spoken()).await);
            }
            self.permit.meter.upstream_wait += begun.elapsed();
            self.answer = answer;
            bodies.push(self.collect().await?);
        }
        let (Some(asked), Some(client)) = (self.further.asked, self.call.shape) else {
            let message = "The request was not kept.";
            return Err(
                Rejection::new(weir_model::Kind::Internal, Source::Gateway, message).into(),
            );
        };
        let guess = Usage {
            input_tokens: estimate_tokens(self.permit.meter.request_bytes),
            ..Usage::default()
        };
        let reshaped = asked.answer((shape, client), &self.route.public, &bodies, guess)?;
        self.used(reshaped.usage);
        self.losses.extend(reshaped.losses);
        Ok(reshaped.body.into())
    }

    /// Notes usage. What is billed in units that the vendor did not report is estimated.
    fn used(&mut self, reported: Option<Usage>) {
        let usage = reported.unwrap_or_default();
        let price = self.deployment.price_for(&usage, self.call.now_s());
        let price = price.unwrap_or_default();
        let by_search = price.web_search_nano > 0 && usage.web_searches == 0;
        let by_token = price.input_pico > 0 && usage.input_tokens == 0;
        let meter = &mut self.permit.meter;
        // Numbers are no output.
        meter.text_bytes = 0;
        meter.usage = reported;
        meter.usage_complete = reported.is_some() && !by_search && !by_token;
        if by_search && self.call.operation == Operation::Rerank {
            let units = documents(&self.call.body).div_ceil(UNIT).max(1);
            meter.usage.get_or_insert_default().web_searches = units as u64;
        }
    }
}

/// How many documents a request has.
fn documents(body: &[u8]) -> usize {
    let place = scan::find_field(body, "documents");
    place.map_or(0, |place| scan::elements(body, place).count())
}
