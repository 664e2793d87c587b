//! The breaker's transitions: opening, the one probe, late results, dropped calls.

use super::*;

const FAILURES: u32 = 5;
const CALLS: usize = 64;
const OPEN: Duration = Duration::from_secs(30);

fn breaker() -> Breaker {
    let open_max = OPEN * 4;
    Breaker::new(BreakerSettings { failures: FAILURES, open_for: OPEN, open_max, jitter: 0.0, calls: CALLS })
}

fn open(breaker: &Breaker) {
    for _ in 0..FAILURES {
        breaker.permit().ok().unwrap().failed(Duration::ZERO);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

async fn probe(breaker: &Breaker) -> Permit<'_> {
    breaker.available().await;
    let permit = breaker.permit().ok().unwrap();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    permit
}

#[test]
fn failures_in_a_row_open_it() {
    let breaker = breaker();
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed(Duration::ZERO);
    }
    breaker.permit().ok().unwrap().succeeded();
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed(Duration::ZERO);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    breaker.permit().ok().unwrap().failed(Duration::ZERO);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn while_open_it_says_how_long() {
    let breaker = breaker();
    open(&breaker);
    assert_eq!(breaker.permit().err(), Some(OPEN));
    tokio::time::advance(OPEN / 3).await;
    assert_eq!(breaker.permit().err(), Some(OPEN - OPEN / 3));
    for times in [2, 4, 4] {
        probe(&breaker).await.failed(Duration::ZERO);
        assert_eq!(breaker.permit().err(), Some(OPEN * times), "doubles up to the longest");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_says_when_to_come_back_is_left_alone_until_then() {
    let breaker = breaker();
    for _ in 0..FAILURES {
        breaker.permit().ok().unwrap().failed(OPEN * 7);
    }
    assert_eq!(breaker.permit().err(), Some(OPEN * 7));
}

#[tokio::test(start_paused = true)]
async fn half_open_admits_one_call_and_its_success_closes() {
    let breaker = breaker();
    open(&breaker);
    let probe = probe(&breaker).await;
    assert_eq!(breaker.permit().err(), Some(OTHERS_FIRST));
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    let both = (breaker.permit(), breaker.permit());
    assert!(both.0.is_ok() && both.1.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_again() {
    let breaker = breaker();
    open(&breaker);
    probe(&breaker).await.failed(Duration::ZERO);
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.permit().is_err());
    probe(&breaker).await.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_gives_its_place_to_the_next() {
    let breaker = breaker();
    open(&breaker);
    let dropped = probe(&breaker).await;
    let mut next = std::pin::pin!(breaker.available());
    tokio::select! {
        biased;
        () = &mut next => panic!("a place was free beside the probe"),
        () = std::future::ready(()) => drop(dropped),
    }
    next.await;
    breaker.permit().ok().unwrap().succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_the_opening_do_not_count() {
    let breaker = breaker();
    let (late_success, late_failure) = (breaker.permit().ok().unwrap(), breaker.permit().ok().unwrap());
    let late_drop = breaker.permit().ok().unwrap();
    open(&breaker);
    let probe = probe(&breaker).await;
    late_success.succeeded();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    late_failure.failed(Duration::ZERO);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    drop(late_drop);
    assert!(breaker.permit().is_err(), "the probe keeps its place");
    probe.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_dropped_call_counts_neither_way() {
    let breaker = breaker();
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed(Duration::ZERO);
    }
    drop(breaker.permit());
    assert_eq!(breaker.state(), BreakerState::Closed);
    breaker.permit().ok().unwrap().failed(Duration::ZERO);
    assert_eq!(breaker.state(), BreakerState::Open);
}

/// How many calls are let through at once.
fn admitted(breaker: &Breaker) -> Vec<Permit<'_>> {
    std::iter::from_fn(|| breaker.permit().ok()).take(CALLS + 1).collect()
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_calls_double_from_round_to_round() {
    let breaker = breaker();
    open(&breaker);
    probe(&breaker).await.succeeded();
    for round in [2, 4, 8, 16, 32, CALLS, CALLS] {
        let permits = admitted(&breaker);
        assert_eq!(permits.len(), round);
        permits.into_iter().for_each(Permit::succeeded);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_take_back_what_successes_have_given() {
    let breaker = breaker();
    open(&breaker);
    probe(&breaker).await.succeeded();
    for _ in 0..6 {
        breaker.permit().ok().unwrap().succeeded();
    }
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed(Duration::ZERO);
    }
    assert_eq!(admitted(&breaker).len(), 4, "of eight");
    breaker.permit().ok().unwrap().succeeded();
    open(&breaker);
    probe(&breaker).await.succeeded();
    assert_eq!(admitted(&breaker).len(), 2, "another outage, another beginning");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_is_told_when_one_is_free() {
    let breaker = breaker();
    open(&breaker);
    probe(&breaker).await.succeeded();
    let mut permits = admitted(&breaker);
    let before = Instant::now();
    let mut place = std::pin::pin!(breaker.available());
    tokio::select! {
        biased;
        () = &mut place => panic!("there was no place"),
        () = std::future::ready(()) => drop(permits.pop()),
    }
    place.await;
    assert_eq!(before.elapsed(), Duration::ZERO, "woken, not looked again");
}

#[tokio::test(start_paused = true)]
async fn however_many_wait_each_opening_ends_with_one_call() {
    let breaker = Arc::new(breaker());
    open(&breaker);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut waiting = tokio::task::JoinSet::new();
    for _waiter in 0..64 {
        let (breaker, calls) = (Arc::clone(&breaker), Arc::clone(&calls));
        waiting.spawn(async move {
            loop {
                breaker.available().await;
                if let Ok(permit) = breaker.permit() {
                    calls.lock().unwrap().push(Instant::now());
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    permit.failed(Duration::ZERO);
                }
            }
        });
    }
    let start = Instant::now();
    tokio::time::sleep(OPEN * 11).await;
    let calls: Vec<_> = calls.lock().unwrap().iter().map(|at| (*at - start).as_secs()).collect();
    assert_eq!(calls, [30, 100, 230], "after 30, 60 and 120 s, each probe hanging for 10 s");
}
