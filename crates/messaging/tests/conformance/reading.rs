//! Ordered reading: every message once, in order, from anywhere, for ever.

use messaging::log::{Log, Reader};

use crate::rig::{QUIET, Rig, SOON, bodies, message, messages, on_both, read};

on_both!(
    a_reader_begins_after_its_position,
    a_reader_keeps_to_its_subjects,
    a_reader_may_have_many_filters,
    a_reader_gives_no_more_than_it_is_asked_for,
    a_reader_waits_for_what_is_not_there_yet,
    a_reader_that_was_interrupted_loses_nothing,
    a_reader_at_the_end_gives_nothing_old,
    a_reader_beyond_the_end_gives_nothing,
    readers_do_not_share,
    a_reader_skips_what_others_want_and_goes_on,
);

async fn a_reader_begins_after_its_position(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 5), None).await.unwrap();
    let seen = read(&mut log.read("ORDERS", &[], 3), 2).await;
    assert_eq!(seen.iter().map(|message| message.sequence).collect::<Vec<_>>(), [4, 5]);
}

async fn a_reader_keeps_to_its_subjects(rig: &impl Rig) {
    let log = rig.client("test").await;
    for (n, subject) in
        ["requests.order.place", "requests.stock.adjust", "requests.order.cancel"].iter().enumerate()
    {
        log.publish(&message(subject, &n.to_string()), None).await.unwrap();
    }
    let seen = read(&mut log.read("REQUESTS", &["requests.order.>"], 0), 2).await;
    assert_eq!(bodies(&seen), ["0", "2"]);
}

async fn a_reader_may_have_many_filters(rig: &impl Rig) {
    let log = rig.client("test").await;
    for (n, subject) in ["orders.created", "orders.confirmed", "orders.cancelled"].iter().enumerate() {
        log.publish(&message(subject, &n.to_string()), None).await.unwrap();
    }
    let seen = read(&mut log.read("ORDERS", &["orders.cancelled", "orders.created"], 0), 2).await;
    assert_eq!(bodies(&seen), ["0", "2"]);
}

async fn a_reader_gives_no_more_than_it_is_asked_for(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 20), None).await.unwrap();
    let mut reader = log.read("ORDERS", &[], 0);
    let mut sequences = Vec::new();
    while sequences.len() < 20 {
        let batch = tokio::time::timeout(SOON, reader.next_batch(3)).await.unwrap();
        assert!((1..=3).contains(&batch.len()), "{}", batch.len());
        sequences.extend(batch.into_iter().map(|message| message.sequence));
    }
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
}

async fn a_reader_waits_for_what_is_not_there_yet(rig: &impl Rig) {
    let (log, writer) = (rig.client("test").await, rig.client("writer").await);
    let mut reader = log.read("ORDERS", &[], 0);
    assert!(tokio::time::timeout(QUIET, reader.next_batch(5)).await.is_err());
    let publish = async { writer.publish(&message("orders.created", "late"), None).await.unwrap() };
    let (seen, _) = tokio::join!(read(&mut reader, 1), publish);
    assert_eq!(bodies(&seen), ["late"]);
}

async fn a_reader_that_was_interrupted_loses_nothing(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut reader = log.read("ORDERS", &[], 0);
    let mut sequences = Vec::new();
    for n in 1..=30_u64 {
        log.publish(&message("orders.created", &n.to_string()), None).await.unwrap();
        let impatient = tokio::time::timeout(std::time::Duration::from_millis(1), reader.next_batch(2)).await;
        sequences.extend(impatient.into_iter().flatten().map(|message| message.sequence));
    }
    let rest = read(&mut reader, 30 - sequences.len()).await;
    sequences.extend(rest.into_iter().map(|message| message.sequence));
    assert_eq!(sequences, (1..=30).collect::<Vec<_>>());
}

async fn a_reader_at_the_end_gives_nothing_old(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 3), None).await.unwrap();
    let mut reader = log.read("ORDERS", &[], 3);
    assert!(tokio::time::timeout(QUIET, reader.next_batch(5)).await.is_err());
    log.publish(&message("orders.created", "new"), None).await.unwrap();
    assert_eq!(bodies(&read(&mut reader, 1).await), ["new"]);
}

async fn a_reader_beyond_the_end_gives_nothing(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 3), None).await.unwrap();
    let mut reader = log.read("ORDERS", &[], 10);
    assert!(tokio::time::timeout(QUIET, reader.next_batch(5)).await.is_err());
    log.publish(&message("orders.created", "new"), None).await.unwrap();
    assert!(tokio::time::timeout(QUIET, reader.next_batch(5)).await.is_err());
}

async fn readers_do_not_share(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 4), None).await.unwrap();
    let (mut one, mut other) = (log.read("ORDERS", &[], 0), log.read("ORDERS", &[], 0));
    assert_eq!(bodies(&read(&mut one, 4).await), bodies(&read(&mut other, 4).await));
}

async fn a_reader_skips_what_others_want_and_goes_on(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut reader = log.read("ORDERS", &["orders.cancelled"], 0);
    for round in 1..=3 {
        let noise: Vec<_> = (0..50).map(|n| message("orders.created", &format!("{round}-{n}"))).collect();
        log.publish_batch(&noise, None).await.unwrap();
        log.publish(&message("orders.cancelled", &round.to_string()), None).await.unwrap();
        assert_eq!(bodies(&read(&mut reader, 1).await), [round.to_string()]);
    }
}
