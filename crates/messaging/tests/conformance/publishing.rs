//! One message: stored once, where its subject belongs, if nobody was faster.

use messaging::{
    headers::MSG_ID,
    log::{Ack, Extent, Log, PublishError},
};
use testkit::eventually;

use crate::rig::{Rig, SOON, anonymous, message, on_both};

on_both!(
    sequences_start_at_one_and_have_no_holes,
    an_empty_stream_has_an_extent,
    a_stored_message_is_what_was_published,
    there_is_nothing_beyond_the_end,
    an_unknown_stream_is_out_of_reach,
    a_repeated_id_names_the_original,
    a_repeated_id_keeps_the_first_body,
    an_id_is_known_to_one_stream_only,
    an_id_is_forgotten_after_the_window,
    without_an_id_nothing_is_a_duplicate,
    the_fence_lets_through_who_expects_rightly,
    the_fence_comes_before_the_id,
    a_duplicate_that_expects_rightly_is_a_duplicate,
    a_refused_message_leaves_no_id_behind,
    a_subject_without_a_stream_has_an_unknown_outcome,
    a_message_that_is_too_large_is_refused,
    headers_count_towards_the_size,
    times_never_go_back,
    the_expectation_stays_among_the_headers,
);

async fn sequences_start_at_one_and_have_no_holes(rig: &impl Rig) {
    let log = rig.client("test").await;
    for n in 1..=5 {
        let ack = log.publish(&message("requests.order.place", &n.to_string()), None).await.unwrap();
        assert_eq!(ack, Ack { sequence: n, duplicate: false });
        log.publish(&message("requests.order.place", "1"), None).await.unwrap();
    }
    assert_eq!(log.extent("REQUESTS").await.unwrap(), Extent { first: 1, last: 5 });
}

async fn an_empty_stream_has_an_extent(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert_eq!(log.extent("REQUESTS").await.unwrap(), Extent { first: 1, last: 0 });
}

async fn a_stored_message_is_what_was_published(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    let stored = log.get("ORDERS", 1).await.unwrap().unwrap();
    assert_eq!((stored.sequence, stored.subject.as_str()), (1, "orders.created"));
    assert_eq!(&*stored.payload, b"one");
    let headers: Vec<_> = stored.headers.iter().collect();
    assert_eq!(headers, [(MSG_ID.to_owned(), vec!["one".to_owned()])]);
}

async fn there_is_nothing_beyond_the_end(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    assert!(log.get("ORDERS", 2).await.unwrap().is_none());
    assert!(log.get("REQUESTS", 1).await.unwrap().is_none());
}

async fn an_unknown_stream_is_out_of_reach(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert!(log.extent("NOWHERE").await.is_err());
    assert!(log.get("NOWHERE", 1).await.is_err());
}

async fn a_repeated_id_names_the_original(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    log.publish(&message("orders.created", "other"), None).await.unwrap();
    let again = log.publish(&message("orders.confirmed", "one"), None).await.unwrap();
    assert_eq!(again, Ack { sequence: 1, duplicate: true });
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 2);
}

async fn a_repeated_id_keeps_the_first_body(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    let mut other = message("orders.created", "one");
    other.payload = "another body".into();
    assert!(log.publish(&other, None).await.unwrap().duplicate);
    assert_eq!(&*log.get("ORDERS", 1).await.unwrap().unwrap().payload, b"one");
}

async fn an_id_is_known_to_one_stream_only(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    let ack = log.publish(&message("requests.order.place", "one"), None).await.unwrap();
    assert_eq!(ack, Ack { sequence: 1, duplicate: false });
}

async fn an_id_is_forgotten_after_the_window(rig: &impl Rig) {
    rig.shorten_window("ORDERS").await;
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    assert!(log.publish(&message("orders.created", "one"), None).await.unwrap().duplicate);
    eventually(SOON, "the id is forgotten", async || {
        let ack = log.publish(&message("orders.created", "one"), None).await.map_err(|e| e.to_string())?;
        if ack.duplicate { Err("it is a duplicate".to_owned()) } else { Ok(ack) }
    })
    .await;
    assert_eq!(log.extent("ORDERS").await.unwrap().last, 2);
}

async fn without_an_id_nothing_is_a_duplicate(rig: &impl Rig) {
    let log = rig.client("test").await;
    for sequence in 1..=2 {
        let ack = log.publish(&anonymous("orders.created", "one"), None).await.unwrap();
        assert_eq!(ack, Ack { sequence, duplicate: false });
    }
}

async fn the_fence_lets_through_who_expects_rightly(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), Some(0)).await.unwrap();
    for wrong in [0, 2, 99] {
        let refused = log.publish(&message("orders.created", "two"), Some(wrong)).await;
        assert!(matches!(refused, Err(PublishError::WrongLastSequence)), "{refused:?}");
    }
    assert_eq!(log.publish(&message("orders.created", "two"), Some(1)).await.unwrap().sequence, 2);
}

async fn the_fence_comes_before_the_id(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), Some(0)).await.unwrap();
    let again = log.publish(&message("orders.created", "one"), Some(0)).await;
    assert!(matches!(again, Err(PublishError::WrongLastSequence)), "{again:?}");
}

async fn a_duplicate_that_expects_rightly_is_a_duplicate(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&message("orders.created", "one"), None).await.unwrap();
    let again = log.publish(&message("orders.created", "one"), Some(1)).await.unwrap();
    assert_eq!(again, Ack { sequence: 1, duplicate: true });
}

async fn a_refused_message_leaves_no_id_behind(rig: &impl Rig) {
    let log = rig.client("test").await;
    assert!(log.publish(&message("orders.created", "one"), Some(7)).await.is_err());
    assert!(!log.publish(&message("orders.created", "one"), None).await.unwrap().duplicate);
}

async fn a_subject_without_a_stream_has_an_unknown_outcome(rig: &impl Rig) {
    let log = rig.client("test").await;
    let nowhere = log.publish(&message("nowhere.to.go", "one"), None).await;
    assert!(matches!(nowhere, Err(PublishError::Unknown(_))), "{nowhere:?}");
}

async fn a_message_that_is_too_large_is_refused(rig: &impl Rig) {
    let log = rig.client("test").await;
    let large = anonymous("orders.created", &"x".repeat((1 << 20) + 1));
    let refused = log.publish(&large, None).await;
    assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
    let mut fitting = message("orders.created", "one");
    fitting.payload = vec![b'x'; 900 << 10].into();
    assert_eq!(log.publish(&fitting, None).await.unwrap().sequence, 1);
}

/// The limit is one for headers and body, and a byte makes the difference.
async fn headers_count_towards_the_size(rig: &impl Rig) {
    let log = rig.client("test").await;
    let headers = "NATS/1.0\r\nNats-Msg-Id: one\r\n\r\n".len();
    let mut sized = message("orders.created", "one");
    sized.payload = vec![b'x'; (1 << 20) - headers + 1].into();
    let refused = log.publish(&sized, None).await;
    assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
    sized.payload = vec![b'x'; (1 << 20) - headers].into();
    assert_eq!(log.publish(&sized, None).await.unwrap().sequence, 1);
}

async fn times_never_go_back(rig: &impl Rig) {
    let log = rig.client("test").await;
    let mut last = events::Timestamp::MIN;
    for n in 1..=20 {
        log.publish(&message("orders.created", &n.to_string()), None).await.unwrap();
        let stored = log.get("ORDERS", n).await.unwrap().unwrap();
        assert!(stored.timestamp >= last);
        last = stored.timestamp;
    }
}

async fn the_expectation_stays_among_the_headers(rig: &impl Rig) {
    let log = rig.client("test").await;
    log.publish(&anonymous("orders.created", "one"), Some(0)).await.unwrap();
    let stored = log.get("ORDERS", 1).await.unwrap().unwrap();
    let headers: Vec<_> = stored.headers.iter().collect();
    assert_eq!(headers, [("Nats-Expected-Last-Sequence".to_owned(), vec!["0".to_owned()])]);
}
