//! The log itself: publishes and their errors, ordered reading through every kind of trouble.

use messaging::log::{Log, PublishError, Reader};

use crate::support::{add, connect, fleet};

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let (_broker, js) = fleet().await;
    let messages: Vec<_> = (1..=5).map(add).collect();
    let ack = js.publish_batch(&messages, None).await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (5, false));

    let with_one_known: Vec<_> = [9, 8, 3].map(add).into();
    let refused = js.publish_batch(&with_one_known, None).await;
    assert!(matches!(refused, Err(PublishError::DuplicateInBatch)), "{refused:?}");
    assert_eq!(js.extent("REQUESTS").await.unwrap().last, 5, "nothing of it was stored");
}

#[tokio::test]
async fn a_repeated_id_names_the_original() {
    let (_broker, js) = fleet().await;
    let first = js.publish(&add(1), None).await.unwrap();
    js.publish(&add(2), None).await.unwrap();
    let again = js.publish(&add(1), None).await.unwrap();
    assert_eq!((again.sequence, again.duplicate), (first.sequence, true));
}

#[tokio::test]
async fn the_fence_refuses_whoever_expects_another_sequence() {
    let (_broker, js) = fleet().await;
    js.publish(&add(1), Some(0)).await.unwrap();
    let late = js.publish(&add(2), Some(0)).await;
    assert!(matches!(late, Err(PublishError::WrongLastSequence)), "{late:?}");
    let late_batch = js.publish_batch(&[add(2), add(3)], Some(0)).await;
    assert!(matches!(late_batch, Err(PublishError::WrongLastSequence)), "{late_batch:?}");
    assert_eq!(js.publish_batch(&[add(2), add(3)], Some(1)).await.unwrap().sequence, 3);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_for_good() {
    let (_broker, js) = fleet().await;
    let mut message = add(1);
    message.payload = vec![b'x'; 2 << 20].into();
    assert!(matches!(js.publish(&message, None).await, Err(PublishError::Refused(_))));
}

#[tokio::test]
async fn a_subject_without_a_stream_has_an_unknown_outcome() {
    let (_broker, js) = fleet().await;
    let mut message = add(1);
    message.subject = "nowhere.to.go".to_owned();
    assert!(matches!(js.publish(&message, None).await, Err(PublishError::Unknown(_))));
}

#[tokio::test]
async fn a_reader_gives_each_message_once_through_a_broker_crash() {
    let (broker, js) = fleet().await;
    let mut reader = connect(&broker, "reader").await.read("REQUESTS", &[], 0);
    let mut seen = Vec::new();
    for round in 0..3_u64 {
        let messages: Vec<_> = (1..=50).map(|n| add(round * 50 + n)).collect();
        js.publish_batch(&messages, None).await.unwrap();
        while seen.len() < 50 * (usize::try_from(round).unwrap() + 1) {
            seen.extend(reader.next_batch(7).await.into_iter().map(|message| message.sequence));
        }
        broker.kill().await.unwrap();
        broker.restart().await.unwrap();
        js.connected().wait_for(|connected| *connected).await.unwrap();
    }
    assert_eq!(seen, (1..=150).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_reader_starts_after_its_position_and_keeps_to_its_subjects() {
    let (_broker, js) = fleet().await;
    let mut other = add(99);
    other.subject = "requests.stock.adjust".to_owned();
    js.publish_batch(&[add(1), add(2), other, add(3)], None).await.unwrap();
    let mut reader = js.read("REQUESTS", &["requests.order.>"], 1);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(reader.next_batch(10).await.into_iter().map(|message| message.sequence));
    }
    assert_eq!(seen, [2, 4]);
}

#[tokio::test]
async fn snapshots_are_listed_newest_first_and_can_be_dropped() {
    let (_broker, js) = fleet().await;
    for sequence in [7, 100, 23] {
        js.save_snapshot("ORDERS", sequence, vec![1; 300_000]).await.unwrap();
    }
    js.save_snapshot("INVENTORY", 5, vec![2]).await.unwrap();
    assert_eq!(js.snapshots("ORDERS").await.unwrap(), [100, 23, 7]);
    assert_eq!(js.load_snapshot("ORDERS", 23).await.unwrap().unwrap().len(), 300_000);
    js.drop_snapshot("ORDERS", 100).await.unwrap();
    assert_eq!(js.snapshots("ORDERS").await.unwrap(), [23, 7]);
    assert_eq!(js.load_snapshot("ORDERS", 100).await.unwrap(), None);
}
