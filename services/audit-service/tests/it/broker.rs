//! Over a real broker: everything is kept as it is, once, whatever is restarted.

use async_nats::jetstream::stream::Config;
use audit_service::projection::STREAMS;
use messaging::{
    headers::Headers,
    jetstream::JetStream,
    log::{Log, Message},
};
use projection::testing;
use serde_json::{Value, json};
use service::testing::{SOON, Streams, connect};
use testkit::Broker;

use crate::rig::{Event, Rig, places};

async fn set_up() -> (Broker, JetStream) {
    let broker = testkit::broker().await;
    let log = Streams::set_up(&broker.url()).await.log;
    (broker, log)
}

fn message(subject: &str, body: &[u8]) -> Message {
    let mut headers = Headers::new();
    headers.set("Fleet-Test", "yes \u{e4}\"");
    Message { subject: subject.to_owned(), headers, payload: body.to_vec().into() }
}

fn event(subject: &str, id: u128) -> Message {
    let event = Event { kind: subject, id, cause: 0, aggregate: "LAMP", at: 1 };
    message(subject, &event.stored(json!({ "n": 1 })).payload)
}

/// Publishes until the broker takes it.
async fn publish(log: &JetStream, message: &Message) -> u64 {
    testkit::eventually(SOON, "a publish", async || log.publish(message, None).await).await.sequence
}

#[tokio::test]
async fn everything_is_kept_as_it_is() {
    let (_broker, log) = set_up().await;
    for (number, subject) in (1..).zip([
        "requests.order.place",
        "orders.created",
        "orders.control",
        "inventory.control",
        "inventory.reserved",
        "payments.captured",
        "notifications.sent",
        "dead_letters.payment-service",
        "redrive.payment-service",
        "orders.of_a_type_nobody_knows",
        "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS.payment-refund",
    ]) {
        publish(&log, &event(subject, number)).await;
    }
    let large = vec![b'x'; 700 << 10];
    for body in [&b""[..], b"\0", b"\xff\xfe", b"null", b"{\"type\":\"orders.created\"}", b"[[[", &large] {
        for subject in ["orders.created", "payments.captured", "dead_letters.order-service"] {
            publish(&log, &message(subject, body)).await;
        }
    }
    for database in testing::databases().await {
        let rig = Rig::start(&database, log.clone()).await;
        rig.until_ready().await;
        let report = rig.get("/integrity?verify=full").await;
        assert_eq!((&report["complete"], &report["verification"]["ok"]), (&json!(true), &json!(true)));
        for stream in STREAMS {
            let last = log.extent(stream).await.unwrap().last;
            assert!(last > 0, "{stream} was written to");
            let kept = rig.all(&format!("&stream={stream}&after=0"), 100).await;
            assert_eq!(kept.len() as u64, last);
            for (sequence, kept) in (1..).zip(&kept) {
                let original = log.get(stream, sequence).await.unwrap().unwrap();
                assert_eq!(
                    (&kept["sequence"], &kept["subject"]),
                    (&json!(sequence), &json!(original.subject))
                );
                assert_eq!(kept["headers"]["Fleet-Test"], json!(["yes \u{e4}\""]));
                assert_eq!(kept["stored_at"], json!(original.timestamp));
                assert_eq!(body(kept), original.payload, "{stream} {sequence}");
            }
        }
        assert!(rig.metrics().await.contains("audit_unreadable_messages_total{stream=\"PAYMENTS\"} 7"));
        rig.stop().await;
    }
}

/// The body as it was published, from what is shown of it.
fn body(event: &Value) -> Vec<u8> {
    let Some(body) = event.get("body") else {
        let Value::Object(mut members) = event.clone() else { panic!("{event}") };
        for ours in
            ["stream", "sequence", "subject", "stored_at", "headers", "order_id", "sha256", "chain_hash"]
        {
            members.remove(ours).unwrap();
        }
        return serde_json::to_vec(&members).unwrap();
    };
    let content = body["content"].as_str().unwrap();
    if body["encoding"] == "hex" { hex::decode(content).unwrap() } else { content.as_bytes().to_vec() }
}

#[tokio::test]
async fn restarts_of_service_and_broker_lose_and_double_nothing() {
    for database in testing::databases().await {
        let (broker, log) = set_up().await;
        let (mut orders, mut payments) = (0, 0);
        for round in 0..3 {
            let rig = Rig::start(&database, connect(&broker.url()).await).await;
            for number in 0..50 {
                orders = publish(&log, &event("orders.created", round * 100 + number + 1)).await;
            }
            rig.until("ORDERS", orders).await;
            broker.kill().await.unwrap();
            broker.restart().await.unwrap();
            for number in 0..50 {
                payments = publish(&log, &event("payments.captured", round * 100 + number + 51)).await;
            }
            rig.until("PAYMENTS", payments).await;
            rig.stop().await;
            // Comes while nobody listens.
            orders = publish(&log, &event("orders.confirmed", round * 100 + 99)).await;
        }
        let rig = Rig::start(&database, log.clone()).await;
        rig.until_ready().await;
        for (stream, last) in [("ORDERS", orders), ("PAYMENTS", payments)] {
            let expected: Vec<_> = (1..=last).map(|sequence| format!("{stream} {sequence}")).collect();
            let kept = rig.all(&format!("&stream={stream}&after=0&view=digest"), 1_000).await;
            assert_eq!(places(&kept), expected);
        }
        let report = rig.get("/integrity?verify=full").await;
        assert_eq!((&report["complete"], &report["verification"]["ok"]), (&json!(true), &json!(true)));
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_message_deleted_from_a_stream_is_a_gap() {
    let broker = testkit::broker().await;
    let log = connect(&broker.url()).await;
    // The fleet's own streams do not let anybody delete a message.
    let context = async_nats::jetstream::new(async_nats::connect(broker.url()).await.unwrap());
    for stream in STREAMS {
        let subjects = vec![format!("{}.>", stream.to_lowercase())];
        let config = Config { name: (*stream).to_owned(), subjects, ..Config::default() };
        context.create_stream(config).await.unwrap();
    }
    for number in 1..=6 {
        publish(&log, &event("payments.captured", number)).await;
    }
    let payments = context.get_stream("PAYMENTS").await.unwrap();
    for sequence in [2, 3, 6] {
        payments.delete_message(sequence).await.unwrap();
    }
    for database in testing::databases().await {
        let rig = Rig::start(&database, log.clone()).await;
        // Although the last message is gone, and with it the sequence that the stream ends at.
        rig.until_ready().await;
        let reported = rig.get("/integrity").await;
        let streams = reported["streams"].as_array().unwrap();
        let payments = streams.iter().find(|stream| stream["stream"] == "PAYMENTS").unwrap();
        let [gap] = &payments["gaps"].as_array().unwrap()[..] else { panic!("{payments}") };
        assert_eq!((&gap["from"], &gap["to"]), (&json!(2), &json!(3)));
        assert_eq!((&payments["count"], &payments["expected"]), (&json!(3), &json!(3)));
        assert_eq!((&reported["intact"], &reported["complete"]), (&json!(true), &json!(false)));
        rig.stop().await;
    }

    // What was written is kept, although the stream loses it afterwards.
    let database = testing::sqlite();
    let rig = Rig::start(&database, log.clone()).await;
    rig.until_ready().await;
    payments.delete_message(4).await.unwrap();
    let last = publish(&log, &event("payments.captured", 7)).await;
    rig.until("PAYMENTS", last).await;
    let kept = rig.all("&stream=PAYMENTS&after=0", 100).await;
    assert_eq!(places(&kept), ["PAYMENTS 1", "PAYMENTS 4", "PAYMENTS 5", "PAYMENTS 7"]);
    rig.stop().await;
}
