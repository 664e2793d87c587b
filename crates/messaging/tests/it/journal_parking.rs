//! While dead letters cannot be stored: the leader leads, listens, and passes nothing over.

use std::time::{Duration, Instant};

use messaging::{headers::POSITIONS, journal::Positions, log::Log};
use testkit::eventually;

use crate::{
    journal_faults::{Fault, Faulty, beats},
    support::{Replica, SOON, UNLUCKY, add, connect, fleet, journal_numbers},
};

/// How far the journal says that REQUESTS was consumed.
async fn consumed(js: &impl Log) -> u64 {
    let mut last = 0;
    for sequence in 1..=js.extent("ORDERS").await.unwrap().last {
        let message = js.get("ORDERS", sequence).await.unwrap().unwrap();
        if let Some(positions) = message.headers.get(POSITIONS) {
            last = positions.parse::<Positions>().unwrap().get("REQUESTS");
        }
    }
    last
}

/// One of three inputs has to be parked, and that is when the fault strikes.
async fn strike_on_parking(log: &Faulty, js: &impl Log, fault: Fault) {
    log.set(fault);
    for number in [20, UNLUCKY, 21] {
        js.publish(&add(number), None).await.unwrap();
    }
    log.strikes().await;
}

#[tokio::test]
async fn a_leader_that_cannot_park_goes_on_leading_and_passes_nothing_over() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start(log.clone(), "a");
    a.leads().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    strike_on_parking(&log, &js, Fault::Refuse("dead_letters.")).await;
    let heard = beats(&js, 8, Duration::from_secs(2)).await;
    assert!(heard.iter().all(|beat| (beat.instance.as_str(), beat.epoch) == ("a", 1)), "{heard:?}");
    eventually(SOON, "the input before", async || consumed(&js).await == 1).await;
    assert_eq!(journal_numbers(&js).await.len(), 1, "nothing is decided before the input is parked");

    log.set(Fault::None);
    a.reaches(41).await;
    b.reaches(41).await;
    assert!(a.is_leading());
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 1);
}

#[tokio::test]
async fn a_leader_that_cannot_park_stops_when_told_and_its_successor_parks() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start(log.clone(), "a");
    a.leads().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    strike_on_parking(&log, &js, Fault::Refuse("dead_letters.")).await;
    let told = Instant::now();
    a.retire().await;
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    b.reaches(41).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 1);
}

/// Its letter was stored, but it died before it heard of that.
#[tokio::test]
async fn an_input_that_two_leaders_park_is_one_letter() {
    let (broker, js) = fleet().await;
    let log = Faulty::new(connect(&broker, "a").await);
    let a = Replica::start(log.clone(), "a");
    a.leads().await;
    strike_on_parking(&log, &js, Fault::HoldAfter("dead_letters.")).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 1);
    assert!(consumed(&js).await <= 1, "its word came only after the position had moved");
    a.vanish().await;
    let b = Replica::start(connect(&broker, "b").await, "b");
    b.reaches(41).await;
    assert_eq!(js.extent("DEAD_LETTERS").await.unwrap().last, 1);
}
