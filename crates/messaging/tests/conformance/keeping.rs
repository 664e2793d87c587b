//! What the broker keeps besides streams: snapshots, attempts; and what it does not keep: beats.

use messaging::log::{Attempts, Beat, Beats, Log};

use crate::rig::{QUIET, Rig, SOON, on_both};

on_both!(
    snapshots_are_listed_newest_first,
    a_snapshot_comes_back_as_it_was,
    a_snapshot_is_replaced_by_one_of_the_same_sequence,
    a_missing_snapshot_is_none,
    a_damaged_snapshot_is_none,
    a_dropped_snapshot_is_gone,
    what_is_not_there_cannot_be_dropped,
    journals_have_their_own_snapshots,
    attempts_come_back_as_they_were,
    attempts_are_replaced,
    unknown_attempts_are_none,
    everybody_who_listens_hears_a_beat,
    a_beat_is_for_one_journal,
    who_listens_too_late_hears_nothing,
    beats_come_in_order,
);

async fn snapshots_are_listed_newest_first(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert!(log.snapshots("ORDERS").await.unwrap().is_empty());
    for sequence in [7, 100, 23] {
        log.save_snapshot("ORDERS", sequence, vec![1; 300_000]).await.unwrap();
    }
    assert_eq!(log.snapshots("ORDERS").await.unwrap(), [100, 23, 7]);
}

async fn a_snapshot_comes_back_as_it_was(rig: &impl Rig) {
    let log = rig.client("test").await;
    let body: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    log.save_snapshot("ORDERS", 5, body.clone()).await.unwrap();
    assert_eq!(log.load_snapshot("ORDERS", 5).await.unwrap(), Some(body));
}

async fn a_snapshot_is_replaced_by_one_of_the_same_sequence(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.save_snapshot("ORDERS", 5, vec![1]).await.unwrap();
    log.save_snapshot("ORDERS", 5, vec![2]).await.unwrap();
    assert_eq!(log.load_snapshot("ORDERS", 5).await.unwrap(), Some(vec![2]));
    assert_eq!(log.snapshots("ORDERS").await.unwrap(), [5]);
}

async fn a_missing_snapshot_is_none(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert_eq!(log.load_snapshot("ORDERS", 5).await.unwrap(), None);
}

async fn a_damaged_snapshot_is_none(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.save_snapshot("ORDERS", 5, vec![1; 100]).await.unwrap();
    rig.damage_snapshots("ORDERS", 5).await;
    assert_eq!(log.load_snapshot("ORDERS", 5).await.unwrap(), None);
    assert_eq!(log.snapshots("ORDERS").await.unwrap(), [5], "nobody sees it from outside");
}

async fn a_dropped_snapshot_is_gone(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.save_snapshot("ORDERS", 5, vec![1]).await.unwrap();
    log.drop_snapshot("ORDERS", 5).await.unwrap();
    assert_eq!(log.load_snapshot("ORDERS", 5).await.unwrap(), None);
    assert!(log.snapshots("ORDERS").await.unwrap().is_empty());
}

async fn what_is_not_there_cannot_be_dropped(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert!(log.drop_snapshot("ORDERS", 5).await.is_err());
}

async fn journals_have_their_own_snapshots(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.save_snapshot("ORDERS", 5, vec![1]).await.unwrap();
    log.save_snapshot("INVENTORY", 6, vec![2]).await.unwrap();
    assert_eq!(log.snapshots("ORDERS").await.unwrap(), [5]);
    assert_eq!(log.load_snapshot("ORDERS", 6).await.unwrap(), None);
}

fn attempts(failed: u64) -> Attempts {
    let first_failure = Some(events::Timestamp(1_800_000_000_000_000));
    Attempts {
        deliveries: 2 * failed,
        failed,
        begun: failed > 0,
        first_failure,
        alone: failed > 1,
        died_alone: failed / 2,
    }
}

async fn attempts_come_back_as_they_were(rig: &impl Rig) {
    let (log, other) = (rig.client("one").await, rig.client("other").await);
    log.save_attempts("payment-charge", 7, &attempts(1)).await.unwrap();
    assert_eq!(other.load_attempts("payment-charge", 7).await.unwrap(), Some(attempts(1)));
}

async fn attempts_are_replaced(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.save_attempts("payment-charge", 7, &attempts(1)).await.unwrap();
    log.save_attempts("payment-charge", 7, &attempts(2)).await.unwrap();
    assert_eq!(log.load_attempts("payment-charge", 7).await.unwrap(), Some(attempts(2)));
}

async fn unknown_attempts_are_none(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.save_attempts("payment-charge", 7, &attempts(1)).await.unwrap();
    assert_eq!(log.load_attempts("payment-charge", 8).await.unwrap(), None);
    assert_eq!(log.load_attempts("payment-refund", 7).await.unwrap(), None);
}

fn beat(sequence: u64) -> Beat {
    Beat { instance: "one".to_owned(), epoch: 3, sequence }
}

/// Waits for a beat while somebody beats: listening begins some time after one asks for it.
async fn heard<L: Log>(log: &L, journal: &str, listener: &mut L::Beats) -> Beat {
    let mut sequence = 0;
    loop {
        sequence += 1;
        assert!(sequence < 1_000, "no beat was heard");
        log.beat(journal, &beat(sequence)).await;
        if let Ok(beat) = tokio::time::timeout(QUIET / 20, listener.next()).await {
            return beat;
        }
    }
}

async fn everybody_who_listens_hears_a_beat(rig: &impl Rig) {
    let (log, other) = (rig.client("one").await, rig.client("other").await);
    let (mut own, mut others) = (log.beats("ORDERS"), other.beats("ORDERS"));
    assert_eq!(heard(&log, "ORDERS", &mut others).await.instance, "one");
    assert_eq!(heard(&log, "ORDERS", &mut own).await.epoch, 3);
}

async fn a_beat_is_for_one_journal(rig: &impl Rig) {
    let log = rig.client("test").await;
    let (mut orders, mut inventory) = (log.beats("ORDERS"), log.beats("INVENTORY"));
    let (_, nothing) =
        tokio::join!(heard(&log, "ORDERS", &mut orders), tokio::time::timeout(QUIET, inventory.next()));
    assert!(nothing.is_err());
}

async fn who_listens_too_late_hears_nothing(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.beat("ORDERS", &beat(1)).await;
    assert!(tokio::time::timeout(QUIET, log.beats("ORDERS").next()).await.is_err());
}

async fn beats_come_in_order(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut listener = log.beats("ORDERS");
    heard(&log, "ORDERS", &mut listener).await;
    for sequence in 2_001..=2_005 {
        log.beat("ORDERS", &beat(sequence)).await;
    }
    let mut sequences = Vec::new();
    while sequences.last() != Some(&2_005) {
        sequences.push(tokio::time::timeout(SOON, listener.next()).await.unwrap().sequence);
    }
    assert!(sequences.is_sorted(), "{sequences:?}");
    assert!(sequences.ends_with(&[2_001, 2_002, 2_003, 2_004, 2_005]), "{sequences:?}");
}
