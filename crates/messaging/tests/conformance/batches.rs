//! Atomic batches: whole or not at all.

use messaging::{
    headers::{BATCH_COMMIT, BATCH_ID, BATCH_SEQUENCE, EXPECTED_LAST_SEQUENCE},
    log::{Ack, Log, PublishError},
};

use crate::rig::{Rig, anonymous, bodies, message, messages, on_both, read};

on_both!(
    a_batch_is_stored_in_order_and_acknowledged_by_its_last,
    an_empty_batch_is_refused,
    a_batch_of_one_is_a_plain_message,
    a_batch_of_one_may_be_a_duplicate,
    a_thousand_are_not_too_many,
    a_thousand_and_one_are,
    a_known_id_refuses_the_whole_batch,
    an_id_twice_in_one_batch_refuses_it,
    a_refused_batch_leaves_no_ids_behind,
    the_fence_refuses_the_whole_batch,
    the_fence_lets_the_whole_batch_through,
    a_batch_is_checked_message_by_message,
    a_batch_over_two_streams_is_not_stored,
    a_batch_for_no_stream_has_an_unknown_outcome,
    a_message_too_large_refuses_the_batch,
    batches_say_what_belongs_together,
);

async fn a_batch_is_stored_in_order_and_acknowledged_by_its_last(rig: &impl Rig) {
    let log = rig.client("test").await;
    let batch = messages("orders.created", 5);
    let ack = log.publish_batch(&batch, None).await.unwrap();
    assert_eq!(ack, Ack { sequence: 5, duplicate: false });
    let stored = read(&mut log.read("ORDERS", &[], 0), 5).await;
    let expected: Vec<_> = (1..=5).map(|n| format!("orders.created-{n}")).collect();
    assert_eq!(bodies(&stored), expected);
}

async fn an_empty_batch_is_refused(rig: &impl Rig) {
    let log = rig.client("test").await;
    let refused = log.publish_batch(&[], None).await;
    assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
}

async fn a_batch_of_one_is_a_plain_message(rig: &impl Rig) {
    let log = rig.client("test").await;
    let ack = log.publish_batch(&[message("orders.created", "one")], Some(0)).await.unwrap();
    assert_eq!(ack, Ack { sequence: 1, duplicate: false });
    let stored = log.get("ORDERS", 1).await.unwrap().unwrap();
    assert_eq!(stored.headers.get(BATCH_ID), None);
}

async fn a_batch_of_one_may_be_a_duplicate(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    let ack = log.publish_batch(&[message("orders.created", "one")], None).await.unwrap();
    assert_eq!(ack, Ack { sequence: 1, duplicate: true });
}

async fn a_thousand_are_not_too_many(rig: &impl Rig) {
    let log = rig.client("test").await;
    let ack = log.publish_batch(&messages("orders.created", 1_000), None).await.unwrap();
    assert_eq!(ack, Ack { sequence: 1_000, duplicate: false });
}

async fn a_thousand_and_one_are(rig: &impl Rig) {
    let log = rig.client("test").await;
    let refused = log.publish_batch(&messages("orders.created", 1_001), None).await;
    assert!(matches!(refused, Err(PublishError::Refused(_) | PublishError::Unknown(_))), "{refused:?}");
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 0);
}

async fn a_known_id_refuses_the_whole_batch(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "known"), None).await.unwrap();
    for position in 0..3 {
        let mut batch = messages("orders.created", 2);
        batch.insert(position, message("orders.created", "known"));
        let refused = log.publish_batch(&batch, None).await;
        assert!(matches!(refused, Err(PublishError::DuplicateInBatch)), "{refused:?}");
    }
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 1);
}

async fn an_id_twice_in_one_batch_refuses_it(rig: &impl Rig) {
    let log = rig.client("test").await;
    let batch = ["one", "two", "one"].map(|id| message("orders.created", id));
    let refused = log.publish_batch(&batch, None).await;
    assert!(matches!(refused, Err(PublishError::DuplicateInBatch)), "{refused:?}");
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 0);
}

async fn a_refused_batch_leaves_no_ids_behind(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert!(log.publish_batch(&messages("orders.created", 3), Some(9)).await.is_err());
    let ack = log.publish_batch(&messages("orders.created", 3), None).await.unwrap();
    assert_eq!(ack, Ack { sequence: 3, duplicate: false });
}

async fn the_fence_refuses_the_whole_batch(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    for wrong in [0, 2] {
        let refused = log.publish_batch(&messages("orders.confirmed", 3), Some(wrong)).await;
        assert!(matches!(refused, Err(PublishError::WrongLastSequence)), "{refused:?}");
    }
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 1);
}

async fn the_fence_lets_the_whole_batch_through(rig: &impl Rig) {
    let log = rig.client("test").await;
    let anonymous: Vec<_> = (0..3).map(|n| anonymous("orders.created", &n.to_string())).collect();
    assert_eq!(log.publish_batch(&anonymous, Some(0)).await.unwrap().sequence, 3);
    assert_eq!(log.publish_batch(&anonymous, Some(3)).await.unwrap().sequence, 6);
}

async fn a_batch_is_checked_message_by_message(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish_batch(&messages("orders.created", 3), Some(0)).await.unwrap();
    let again = log.publish_batch(&messages("orders.created", 3), Some(0)).await;
    assert!(matches!(again, Err(PublishError::DuplicateInBatch)), "{again:?}");
    let later = [message("orders.created", "new"), message("orders.created", "orders.created-1")];
    let fenced = log.publish_batch(&later, Some(0)).await;
    assert!(matches!(fenced, Err(PublishError::WrongLastSequence)), "the first one's: {fenced:?}");
}

async fn a_batch_over_two_streams_is_not_stored(rig: &impl Rig) {
    let log = rig.client("test").await;
    let batch = [
        message("orders.created", "one"),
        message("requests.order.place", "two"),
        message("orders.created", "three"),
    ];
    let refused = log.publish_batch(&batch, None).await;
    assert!(matches!(refused, Err(PublishError::Unknown(_))), "{refused:?}");
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 0);
    assert_eq!(log.extent("REQUESTS").await.unwrap().last, 0);
}

async fn a_batch_for_no_stream_has_an_unknown_outcome(rig: &impl Rig) {
    let log = rig.client("test").await;
    let nowhere = log.publish_batch(&messages("nowhere.to.go", 2), None).await;
    assert!(matches!(nowhere, Err(PublishError::Unknown(_))), "{nowhere:?}");
}

async fn a_message_too_large_refuses_the_batch(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut batch = messages("orders.created", 3);
    batch[1].payload = vec![b'x'; 2 << 20].into();
    let refused = log.publish_batch(&batch, None).await;
    assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 0);
}

async fn batches_say_what_belongs_together(rig: &impl Rig) {
    let log = rig.client("test").await;
    for expected in [0, 2] {
        let batch = [anonymous("orders.created", "a"), anonymous("orders.created", "b")];
        log.publish_batch(&batch, Some(expected)).await.unwrap();
    }
    let stored = read(&mut log.read("ORDERS", &[], 0), 4).await;
    let header = |name: &str| -> Vec<_> { stored.iter().map(|message| message.headers.get(name)).collect() };
    let batch = header(BATCH_ID);
    assert!(batch[0].is_some() && batch[0] == batch[1] && batch[2] == batch[3] && batch[1] != batch[2]);
    assert_eq!(header(BATCH_SEQUENCE), [Some("1"), Some("2"), Some("1"), Some("2")]);
    assert_eq!(header(BATCH_COMMIT), [None, Some("1"), None, Some("1")]);
    assert_eq!(header(EXPECTED_LAST_SEQUENCE), [Some("0"), None, Some("2"), None]);
}
