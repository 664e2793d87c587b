//! The breaker's transitions: opening, the one probe, late results, dropped calls.

use super::*;

const FAILURES: u32 = 5;

fn breaker() -> Breaker {
    Breaker::new(BreakerSettings {
        failures: FAILURES,
        open_for: Duration::from_millis(40),
        open_max: Duration::from_millis(80),
    })
}

fn state(breaker: &Breaker) -> BreakerState {
    *breaker.watch().borrow()
}

fn open(breaker: &Breaker) {
    for _ in 0..FAILURES {
        breaker.permit().ok().unwrap().failed();
    }
    assert_eq!(state(breaker), BreakerState::Open);
}

async fn probe(breaker: &Breaker) -> Permit<'_> {
    breaker.available().await;
    let permit = breaker.permit().ok().unwrap();
    assert_eq!(state(breaker), BreakerState::HalfOpen);
    permit
}

#[test]
fn failures_in_a_row_open_it() {
    let breaker = breaker();
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed();
    }
    breaker.permit().ok().unwrap().succeeded();
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed();
    }
    assert_eq!(state(&breaker), BreakerState::Closed);
    breaker.permit().ok().unwrap().failed();
    assert_eq!(state(&breaker), BreakerState::Open);
}

#[test]
fn while_open_it_says_how_long() {
    let breaker = Breaker::new(BreakerSettings::default());
    open(&breaker);
    let wait = breaker.permit().err().unwrap();
    assert!(wait > Duration::from_secs(2) && wait <= Duration::from_secs(30), "{wait:?}");
}

#[tokio::test]
async fn half_open_admits_one_call_and_its_success_closes() {
    let breaker = breaker();
    open(&breaker);
    let probe = probe(&breaker).await;
    assert_eq!(breaker.permit().err(), Some(PROBE_WAIT));
    probe.succeeded();
    assert_eq!(state(&breaker), BreakerState::Closed);
    let both = (breaker.permit(), breaker.permit());
    assert!(both.0.is_ok() && both.1.is_ok());
}

#[tokio::test]
async fn a_failed_probe_opens_it_again() {
    let breaker = breaker();
    open(&breaker);
    probe(&breaker).await.failed();
    assert_eq!(state(&breaker), BreakerState::Open);
    assert!(breaker.permit().is_err());
    probe(&breaker).await.succeeded();
    assert_eq!(state(&breaker), BreakerState::Closed);
}

#[tokio::test]
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
    assert_eq!(state(&breaker), BreakerState::Closed);
}

#[tokio::test]
async fn calls_from_before_the_opening_do_not_count() {
    let breaker = breaker();
    let (late_success, late_failure) = (breaker.permit().ok().unwrap(), breaker.permit().ok().unwrap());
    let late_drop = breaker.permit().ok().unwrap();
    open(&breaker);
    let probe = probe(&breaker).await;
    late_success.succeeded();
    assert_eq!(state(&breaker), BreakerState::HalfOpen);
    late_failure.failed();
    assert_eq!(state(&breaker), BreakerState::HalfOpen);
    drop(late_drop);
    assert!(breaker.permit().is_err(), "the probe keeps its place");
    probe.succeeded();
    assert_eq!(state(&breaker), BreakerState::Closed);
}

#[test]
fn a_dropped_call_counts_neither_way() {
    let breaker = breaker();
    for _ in 0..FAILURES - 1 {
        breaker.permit().ok().unwrap().failed();
    }
    drop(breaker.permit());
    assert_eq!(state(&breaker), BreakerState::Closed);
    breaker.permit().ok().unwrap().failed();
    assert_eq!(state(&breaker), BreakerState::Open);
}

#[test]
fn open_times_double_up_to_the_longest() {
    let settings = BreakerSettings::default();
    let mut longest_of_all = Duration::ZERO;
    for _ in 0..50 {
        let mut limit = settings.open_for;
        for time in OpenTimes::new(settings).take(8) {
            assert!(time >= Duration::from_secs(3) && time <= limit, "{time:?} with limit {limit:?}");
            limit = (limit * 2).min(settings.open_max);
            longest_of_all = longest_of_all.max(time);
        }
    }
    assert!(longest_of_all > Duration::from_secs(150), "{longest_of_all:?}");
}
