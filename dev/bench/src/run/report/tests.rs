//! How figures become a table and JSON.

use super::super::case::CASES;
use super::*;
use crate::load::Count;

fn reading(frames: u64) -> Reading {
    Reading {
        count: Count {
            answers: 10,
            frames,
            reads: frames / 2,
        },
        seconds: 1.0,
        answers_per_second: 10.0,
        frames_per_second: frames as f64,
        frames_per_answer: None,
        cpu_us_per_answer: None,
        cpu_us_per_frame: None,
        latency_us: None,
        first_byte_us: None,
        kib_per_stream: None,
    }
}

fn turns(costs: &[f64]) -> Vec<(f64, Reading)> {
    costs.iter().map(|cost| (*cost, reading(200))).collect()
}

#[test]
fn a_median_is_the_middle() {
    assert_eq!(median(&mut []), 0.0);
    assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
}

#[test]
fn ratios_are_taken_within_a_pair() {
    // The machine was twice as slow in the second pair: the ratio does not see it.
    let proxies = vec![
        (Kind::Bare, turns(&[20.0, 40.0, 20.0])),
        (Kind::Weir, turns(&[30.0, 60.0, 50.0])),
    ];
    let cost = Cost::new(&CASES[2], proxies);
    assert_eq!((cost.proxies[0].cpu_us, cost.proxies[0].ratio), (20.0, 1.0));
    assert_eq!((cost.proxies[1].cpu_us, cost.proxies[1].ratio), (50.0, 1.5));
    assert_eq!(cost.proxies[1].frames_per_read, Some(2.0));
    assert_eq!((cost.unit, cost.proxies[1].per_second), ("chunk", 200.0));
}

#[test]
fn latency_is_what_is_added_to_the_bare_proxy() {
    let spread = |p50, p99| Spread {
        p50,
        p99,
        max: 9000.0,
    };
    let bare = vec![
        spread(100.0, 200.0),
        spread(110.0, 900.0),
        spread(120.0, 220.0),
    ];
    let weir = vec![
        spread(150.0, 300.0),
        spread(140.0, 320.0),
        spread(160.0, 310.0),
    ];
    let lines = Latency::compare(500, &[(Kind::Bare, bare), (Kind::Weir, weir)]);
    assert_eq!(
        (lines[0].p50_us, lines[0].p99_us, lines[0].added_p50_us),
        (110.0, 220.0, 0.0)
    );
    assert_eq!((lines[1].added_p50_us, lines[1].added_p99_us), (40.0, 90.0));
}

#[test]
fn the_table_is_aligned_and_names_missed_goals() {
    let mut report = Report::new(3, 3, true);
    report.processor = "Test".to_owned();
    for (case, ours) in [(0, 35.0), (1, 450.0)] {
        let proxies = vec![(Kind::Bare, turns(&[25.0])), (Kind::Weir, turns(&[ours]))];
        report.costs.push(Cost::new(&CASES[case], proxies));
    }
    report.memory = vec![Memory {
        proxy: Kind::Weir,
        start_ms: 41.26,
        idle_mib: 14.0,
        streams: 1000,
        kib_per_stream: 33.333,
    }];
    let expected = "\
Test; 3 turns of 3 s each; the proxy has a core for itself

CPU time     per      proxy     us  x bare        goal  per second  frames/read
native-1k    request  bare    25.0    1.00                      10
native-1k    request  weir    35.0    1.40     1.5 met          10
native-200k  request  bare    25.0    1.00                      10
native-200k  request  weir   450.0   18.00  2.0 MISSED          10

memory  start ms  idle MiB  KiB per open stream
weir        41.3      14.0                 33.3

";
    assert_eq!(report.to_string(), expected);
}
