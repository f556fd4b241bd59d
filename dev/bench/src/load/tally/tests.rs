//! Counting and spreads.

use super::*;

#[test]
fn a_spread_is_read_from_the_sorted_samples() {
    assert_eq!(Spread::of(&mut []), None);
    assert_eq!(
        Spread::of(&mut [7.0]),
        Some(Spread {
            p50: 7.0,
            p99: 7.0,
            max: 7.0
        })
    );
    let mut samples: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
    assert_eq!(
        Spread::of(&mut samples),
        Some(Spread {
            p50: 500.0,
            p99: 990.0,
            max: 1000.0
        })
    );
}

#[test]
fn a_reading_covers_its_window_alone() {
    let tally = Tally::default();
    tally.answer(Duration::from_secs(9), 5);
    tally.frames(5);
    let before = tally.count();
    tally.forget_samples();
    for _ in 0..4 {
        tally.answer(Duration::from_micros(200), 3);
        tally.frames(3);
        tally.frames(0);
    }
    let reading = tally.reading(
        before,
        Duration::from_secs(2),
        Some(Duration::from_micros(120)),
    );
    let reading = reading.unwrap();
    assert_eq!(
        reading.count,
        Count {
            answers: 4,
            frames: 12,
            reads: 4
        }
    );
    assert_eq!(
        (reading.answers_per_second, reading.frames_per_second),
        (2.0, 6.0)
    );
    assert_eq!(
        (reading.cpu_us_per_answer, reading.cpu_us_per_frame),
        (Some(30.0), Some(10.0))
    );
    assert_eq!(reading.frames_per_answer, Some(17.0 / 5.0));
    let latency = reading.latency_us.unwrap();
    assert!((latency.max - 200.0).abs() < 1e-6);
}

#[test]
fn wrong_answers_and_silence_are_faults() {
    let tally = Tally::default();
    let silence = tally
        .reading(tally.count(), Duration::from_secs(1), None)
        .unwrap_err();
    assert!(silence.to_string().contains("no answer"));
    assert_eq!(tally.error("status 500".to_owned()), 1);
    assert_eq!(tally.error("status 502".to_owned()), 2);
    tally.answer(Duration::ZERO, 0);
    let fault = tally.reading(
        Count {
            answers: 0,
            frames: 0,
            reads: 0,
        },
        Duration::from_secs(1),
        None,
    );
    assert_eq!(
        fault.unwrap_err().to_string(),
        "2 wrong answers, 1 right; first: status 500"
    );
}
