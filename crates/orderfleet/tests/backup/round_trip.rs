//! Whatever a broker holds comes back as it was.

use events::catalogue::{NOTIFICATION_ORDERS, PAYMENT_CHARGE, every_consumer};
use messaging::{
    jetstream::JetStream,
    log::{Attempts, Consumer, Delivery, Log},
    topology,
};

use crate::operator::{connect, message, plain, run, set_up, stored};

/// What each stream is given.
const SUBJECTS: [&str; 8] = [
    "requests.order.place",
    "orders.confirmed",
    "inventory.reserved",
    "payments.captured",
    "notifications.sent",
    "dead_letters.order-service",
    "redrive.payment-charge",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.INVENTORY.payment-charge",
];
/// How many messages that is.
const EACH: u64 = 40;

async fn fill(js: &JetStream) {
    for subject in SUBJECTS {
        for number in 1..=EACH {
            js.publish(&message(subject, number), None).await.unwrap();
        }
    }
    let batch: Vec<_> = (1..=20).map(|number| message("orders.created", number)).collect();
    js.publish_batch(&batch, Some(EACH)).await.unwrap();
    js.save_snapshot("ORDERS", 7, vec![7; 300_000]).await.unwrap();
    js.save_attempts("payment-charge", 12, &Attempts { deliveries: 3, failed: 2, ..Attempts::default() })
        .await
        .unwrap();
}

/// Works on some messages: all up to `floor` and those beyond it that are `also` named are done.
async fn work(js: &JetStream, floor: u64, also: &[u64]) {
    let mut member = js.consume(PAYMENT_CHARGE.stream, PAYMENT_CHARGE.durable);
    let mut seen = 0;
    while seen < 20 {
        for delivery in member.next(20 - seen).await {
            seen += 1;
            let sequence = delivery.message().sequence;
            if sequence <= floor || also.contains(&sequence) {
                delivery.ack().await.unwrap();
            }
        }
    }
    member.leave().await;
    // The broker has read the acks once it has answered what was asked after them.
    js.extent(PAYMENT_CHARGE.stream).await.unwrap();
}

#[tokio::test]
async fn every_message_and_consumer_comes_back_as_it_was() {
    let (from, to) = (testkit::broker().await, testkit::broker().await);
    set_up(&from.url()).await;
    let old = connect(&from.url()).await;
    fill(&old).await;
    work(&old, 10, &[13, 15]).await;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("new/backup");

    let saved = run(&from.url(), "backup", &dir, &[]).await.done();
    let streams = topology::stream_names();
    assert_eq!(saved.len(), streams.len() + 1, "one line for each stream, and one for all: {saved:?}");
    let whole = run("nats://127.0.0.1:1", "restore", &dir, &["--dry-run"]).await.done();
    assert_eq!(whole.last().unwrap()["restored"], false);
    run(&to.url(), "restore", &dir, &[]).await.done();

    let new = connect(&to.url()).await;
    for stream in &streams {
        let (before, after) = (stored(&old, stream).await, stored(&new, stream).await);
        let as_they_were = before.iter().map(plain).eq(after.iter().map(plain));
        assert!(as_they_were, "{stream}: {before:#?} became {after:#?}");
        assert_eq!(old.extent(stream).await.unwrap(), new.extent(stream).await.unwrap(), "{stream}");
    }
    for def in every_consumer() {
        let floors = [&old, &new].map(|js| js.settled(def.stream, def.durable));
        let [before, after] = floors;
        assert_eq!(before.await.unwrap(), after.await.unwrap(), "{}", def.durable);
    }
    assert_eq!(new.settled("INVENTORY", "payment-charge").await.unwrap(), Some(10));
    assert_eq!(new.load_snapshot("ORDERS", 7).await.unwrap(), Some(vec![7; 300_000]));
    let attempts = new.load_attempts("payment-charge", 12).await.unwrap();
    assert_eq!(attempts.map(|attempts| attempts.failed), Some(2));
    // Whatever `setup` would create is there, as it should be.
    let options = topology::TopologyOptions { max_bytes: 64 << 20, ..Default::default() };
    let changes = topology::compare(&new, &options).await.unwrap();
    assert!(changes.iter().all(|change| change.action == topology::Action::Unchanged), "{changes:?}");
    goes_on(&new).await;
}

/// What was not done before is done now, and nothing else; streams take messages after their last.
async fn goes_on(js: &JetStream) {
    let ack = js.publish(&message("orders.confirmed", EACH + 1), Some(EACH + 20)).await.unwrap();
    assert_eq!(ack.sequence, EACH + 21);
    let mut member = js.consume(NOTIFICATION_ORDERS.stream, NOTIFICATION_ORDERS.durable);
    let mut given = Vec::new();
    while given.len() < usize::try_from(EACH).unwrap() + 1 {
        let deliveries = member.next(100).await;
        given.extend(deliveries.iter().map(|delivery| (delivery.message().sequence, delivery.deliveries())));
    }
    let expected: Vec<_> = (1..=EACH).chain([EACH + 21]).map(|sequence| (sequence, 1)).collect();
    assert_eq!(given, expected);
}

#[tokio::test]
async fn a_broker_that_has_streams_is_left_alone() {
    let broker = testkit::broker().await;
    set_up(&broker.url()).await;
    let js = connect(&broker.url()).await;
    js.publish(&message("orders.created", 1), None).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    run(&broker.url(), "backup", dir.path(), &[]).await.done();
    js.publish(&message("orders.created", 2), None).await.unwrap();
    let refusal = run(&broker.url(), "restore", dir.path(), &[]).await;
    assert!(refusal.objects.is_empty());
    refusal.failed("the broker is not empty: it has REQUESTS, ORDERS, ");
    assert_eq!(stored(&js, "ORDERS").await.len(), 2);
}
