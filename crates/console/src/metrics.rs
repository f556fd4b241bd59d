//! `/metrics` in the OpenMetrics text format. Names and labels follow the OpenTelemetry semantic
//! conventions for generative AI where they have one, spelled as Prometheus spells them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use weir_gateway::Shared;
use weir_gateway::observe::{BUCKETS_S, Cell, Histogram, Series, Sheet};

use crate::Console;

/// Everything that is measured, now.
pub(crate) async fn scrape(State(console): State<Console>) -> Response {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Calls {
        sheets: Arc::clone(&console.sheets),
        shared: Arc::clone(&console.shared),
    }));
    let mut page = String::new();
    if text::encode(&mut page, &registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], page).into_response()
}

/// Sums the cells of all workers when asked.
struct Calls {
    sheets: Arc<[Arc<Sheet>]>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

type Sums = Vec<(Series, Cell)>;

/// A counter: its name, its meaning, and the figure of a cell.
type Counter = (&'static str, &'static str, fn(&Cell) -> f64);

/// A histogram: likewise.
type Distribution = (&'static str, &'static str, fn(&Cell) -> &Histogram);

const COUNTERS: [Counter; 4] = [
    ("weir_cost_usd", "Known cost of calls, in USD", |c| {
        c.cost_nano_usd as f64 / 1e9
    }),
    (
        "weir_unpriced_requests",
        "Calls whose price is not known",
        |c| c.unpriced as f64,
    ),
    ("weir_retries", "Attempts after the first", |c| {
        c.retries as f64
    }),
    (
        "weir_losses",
        "Request fields that a translation could not carry",
        |c| c.losses as f64,
    ),
];

/// A class of tokens, and its count in a cell.
type TokenClass = (&'static str, fn(&Cell) -> u64);

const TOKENS: [TokenClass; 5] = [
    ("input", |c| c.usage.input_tokens),
    ("output", |c| c.usage.output_tokens),
    ("cache_read", |c| c.usage.cache_read_tokens),
    ("cache_write", |c| c.usage.cache_write_tokens),
    ("reasoning", |c| c.usage.reasoning_tokens),
];

const DISTRIBUTIONS: [Distribution; 3] = [
    (
        "gen_ai_server_request_duration",
        "From a call's head to the end of its answer",
        |c| &c.duration,
    ),
    (
        "gen_ai_server_time_to_first_token",
        "From a call's head to its first content",
        |c| &c.first_token,
    ),
    (
        "weir_overhead",
        "The gateway's own share of calls that are not streamed",
        |c| &c.overhead,
    ),
];

impl Collector for Calls {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (mut series, mut rejections) = (HashMap::new(), HashMap::new());
        for sheet in self.sheets.iter() {
            sheet.sum_into(&mut series, &mut rejections);
        }
        let mut sums: Sums = series.into_iter().collect();
        sums.sort_by(|(a, _), (b, _)| a.cmp(b));
        encode_requests(&mut encoder, &sums)?;
        encode_tokens(&mut encoder, &sums)?;
        for counter in COUNTERS {
            encode_counter(&mut encoder, &sums, counter)?;
        }
        for distribution in DISTRIBUTIONS {
            encode_distribution(&mut encoder, &sums, distribution)?;
        }
        let help = "Answers that told a client of a refusal or failure";
        let mut family = counter_family(&mut encoder, "weir_rejections", help)?;
        let mut rejections: Vec<_> = rejections.into_iter().collect();
        rejections.sort_by_key(|((kind, source), _)| (*kind, source.name()));
        for ((kind, source), count) in rejections {
            let labels = [("kind", kind.name()), ("source", source.name())];
            add(&mut family.encode_family(&labels)?, count as f64)?;
        }
        let help = "Calls under way";
        encoder
            .encode_descriptor("weir_in_flight", help, None, MetricType::Gauge)?
            .encode_gauge(&self.shared.in_flight.load(Ordering::Relaxed))
    }
}

fn encode_requests(encoder: &mut DescriptorEncoder<'_>, sums: &Sums) -> fmt::Result {
    let mut family = counter_family(encoder, "weir_requests", "Calls")?;
    for (series, cell) in sums {
        let status = series.status.to_string();
        let [model, target, operation] = labels(series);
        let labels = [
            model,
            target,
            operation,
            ("http_response_status_code", status.as_str()),
        ];
        add(&mut family.encode_family(&labels)?, cell.requests as f64)?;
    }
    Ok(())
}

fn encode_tokens(encoder: &mut DescriptorEncoder<'_>, sums: &Sums) -> fmt::Result {
    let help = "Tokens; input includes cache reads and writes, output includes reasoning";
    let mut family = counter_family(encoder, "gen_ai_client_token_usage", help)?;
    for (class, count) in TOKENS {
        for (series, cell) in grouped(sums) {
            let [model, target, operation] = labels(&series);
            let labels = [model, target, operation, ("gen_ai_token_type", class)];
            add(&mut family.encode_family(&labels)?, count(&cell) as f64)?;
        }
    }
    Ok(())
}

fn encode_counter(
    encoder: &mut DescriptorEncoder<'_>,
    sums: &Sums,
    (name, help, figure): Counter,
) -> fmt::Result {
    let mut family = counter_family(encoder, name, help)?;
    for (series, cell) in grouped(sums) {
        add(&mut family.encode_family(&labels(&series))?, figure(&cell))?;
    }
    Ok(())
}

fn encode_distribution(
    encoder: &mut DescriptorEncoder<'_>,
    sums: &Sums,
    (name, help, figure): Distribution,
) -> fmt::Result {
    let unit = Unit::Seconds;
    let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?;
    for (series, cell) in grouped(sums) {
        let histogram = figure(&cell);
        let bounds = BUCKETS_S.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(histogram.counts).collect();
        let count = histogram.counts.iter().sum();
        family
            .encode_family(&labels(&series))?
            .encode_histogram::<NoLabels>(histogram.sum_s, count, &buckets, None)?;
    }
    Ok(())
}

/// Sums over statuses.
fn grouped(sums: &Sums) -> Sums {
    let mut groups: Sums = Vec::new();
    for (series, cell) in sums {
        let series = Series {
            status: 0,
            ..series.clone()
        };
        match groups.last_mut() {
            Some((last, sum)) if *last == series => sum.merge(cell),
            _ => groups.push((series, cell.clone())),
        }
    }
    groups
}

type NoLabels = [(&'static str, &'static str); 0];

fn labels(series: &Series) -> [(&'static str, &str); 3] {
    [
        ("gen_ai_request_model", &series.model),
        ("weir_target", &series.target),
        ("gen_ai_operation_name", series.operation.name()),
    ]
}

fn counter_family<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, None, MetricType::Counter)
}

fn add(encoder: &mut MetricEncoder<'_>, figure: f64) -> fmt::Result {
    encoder.encode_counter::<NoLabels, f64, f64>(&figure, None)
}
