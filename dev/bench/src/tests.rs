//! The parts against each other on loopback, with small counts and no judgement of times: the load through the bare
//! proxy to the built-in upstream.

use std::net::SocketAddr;
use std::time::Duration;

use crate::bare::Bare;
use crate::load::{Crowd, Expect, Held, Plan, steady};
use crate::serve::{accept, bind, detach, runtime};
use crate::tiny::Tiny;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

const MINUTE: Duration = Duration::from_secs(60);
const WHOLE: Expect = Expect::Holds("\"choices\"");
const STREAM: Expect = Expect::EndsWith("data: [DONE]");

/// The built-in upstream behind the bare proxy, on a thread of its own that ends with the test's process.
fn proxy() -> SocketAddr {
    let upstream = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
    let listener = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        runtime().unwrap().block_on(async {
            let bare = Bare::new(upstream.local_addr().unwrap()).unwrap();
            detach(accept(TcpListener::from_std(upstream).unwrap(), Tiny));
            accept(TcpListener::from_std(listener).unwrap(), bare).await;
        });
    });
    address
}

/// An address that refuses connections, as long as the socket lives.
fn closed() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

fn plan(address: SocketAddr, model: &str, expect: Expect) -> Plan {
    let body = format!("{{\"model\":\"{model}\"}}");
    Plan::post(address, "/v1/chat/completions", "", &body, expect)
}

#[tokio::test]
async fn a_crowd_gets_whole_answers() {
    let mut crowd = Crowd::start(&plan(proxy(), "bench", WHOLE), 8, Some(100));
    let reading = crowd
        .window(Some(std::process::id()), Duration::ZERO, MINUTE)
        .await
        .unwrap();
    assert_eq!((reading.count.answers, reading.count.frames), (100, 0));
    assert!(reading.cpu_us_per_answer.is_some_and(|us| us > 0.0));
}

#[tokio::test]
async fn a_crowd_counts_the_frames_of_streams() {
    let plan = plan(proxy(), "bench-stream+chunks=20+gap_ms=1", STREAM);
    let reading = Crowd::start(&plan, 4, Some(10))
        .window(None, Duration::ZERO, MINUTE)
        .await
        .unwrap();
    assert_eq!((reading.count.answers, reading.count.frames), (10, 210));
    assert_eq!(reading.frames_per_answer, Some(21.0));
    assert!(reading.first_byte_us.is_some());
}

#[tokio::test]
async fn a_crowd_goes_on_for_its_window() {
    let mut crowd = Crowd::start(
        &plan(proxy(), "bench-stream+chunks=100000+gap_ms=1", STREAM),
        2,
        None,
    );
    let reading = crowd
        .window(None, Duration::from_millis(100), Duration::from_millis(300))
        .await
        .unwrap();
    assert_eq!(
        (reading.count.answers, reading.frames_per_answer),
        (0, None)
    );
    assert!(reading.count.frames > 0);
}

#[tokio::test]
async fn wrong_answers_are_not_counted_as_right() {
    let mut crowd = Crowd::start(
        &plan(proxy(), "bench", Expect::Holds("\"content_block\"")),
        2,
        None,
    );
    let fault = crowd
        .window(None, Duration::ZERO, MINUTE)
        .await
        .unwrap_err();
    let fault = fault.to_string();
    assert!(
        fault.contains("0 right; first: status 200, \"\\\"content_block\\\"\" expected"),
        "{fault}"
    );
}

#[tokio::test]
async fn an_unreachable_upstream_is_a_502() {
    let (_socket, closed) = closed();
    let listener = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    detach(accept(
        TcpListener::from_std(listener).unwrap(),
        Bare::new(closed).unwrap(),
    ));
    let mut crowd = Crowd::start(&plan(address, "bench", WHOLE), 1, None);
    let fault = crowd
        .window(None, Duration::ZERO, MINUTE)
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("status 502"), "{fault}");
}

#[test]
fn a_fixed_rate_is_kept_by_each_turn() {
    let length = Duration::from_millis(400);
    let reading = steady(&plan(proxy(), "bench", WHOLE), 100, 4, None, length).unwrap();
    assert!((1..=40).contains(&reading.count.answers), "{reading:?}");
    assert!(reading.latency_us.is_some());
}

#[test]
fn a_fixed_rate_without_an_upstream_ends_with_its_fault() {
    let (_socket, closed) = closed();
    let fault = steady(
        &plan(closed, "bench", WHOLE),
        100,
        4,
        None,
        Duration::from_millis(50),
    );
    assert!(fault.unwrap_err().to_string().contains("cannot connect"));
}

#[tokio::test]
async fn held_streams_stay_open() {
    let paused = plan(proxy(), "bench-stream+chunks=3+gap_ms=60000", STREAM);
    let held = Held::open(&paused, 50).await.unwrap();
    let reading = held.reading(Some(0), Some(std::process::id())).unwrap();
    assert_eq!((reading.count.answers, reading.count.frames), (0, 50));
    assert!(reading.kib_per_stream.is_some_and(|kib| kib > 0.0));
}

#[tokio::test]
async fn a_stream_that_ends_is_not_held() {
    let fault = Held::open(&plan(proxy(), "bench", WHOLE), 1)
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("the stream ended"), "{fault}");
}
