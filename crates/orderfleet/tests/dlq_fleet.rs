//! Dead letters on the real processes: mended by an operator, and the promise holds.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::{process::Stdio, time::Duration};

use events::{Envelope, EventData, OrderId, TraceId, ids::derive, orders::Line, requests::PlaceOrder};
use messaging::{
    headers::Headers,
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Message},
};
use orderfleet::{
    client::{AuditClient, OrderClient, OrderStatus, StockClient},
    fleet::{Fleet, FleetOptions},
    verify::{self, Expectations, Report, Target, report::CheckId},
};
use serde_json::Value;
use testkit::eventually;
use uuid::Uuid;

/// Stock that has moved.
const ADJUSTED: &str = include_str!("../../events/golden/inventory.adjusted.v1.json");
const SOON: Duration = Duration::from_secs(60);

/// A fleet, and an operator with a connection to its broker.
struct Shop {
    fleet: Fleet,
    log: JetStream,
}

impl Shop {
    async fn open() -> Self {
        let fleet = Fleet::start(FleetOptions::temporary()).await.unwrap();
        let (urls, service, instance) = (fleet.broker().url(), "test".to_owned(), "test".to_owned());
        let log = JetStream::connect(ConnectOptions { urls, service, instance }).await.unwrap();
        log.connected().wait_for(|connected| *connected).await.unwrap();
        let shop = Self { fleet, log };
        shop.stock("LAMP").await;
        shop
    }

    async fn stock(&self, sku: &str) {
        let stock = StockClient::new(&self.fleet.url("inventory-service").unwrap()).unwrap();
        stock.set(sku, 10, None).await.unwrap();
    }

    async fn publish(&self, subject: &str, body: &[u8]) {
        let payload = body.to_vec().into();
        let message = Message { subject: subject.to_owned(), headers: Headers::new(), payload };
        self.log.publish(&message, None).await.unwrap();
    }

    /// Runs `dlq` for programs: its exit code and what it said.
    async fn dlq(&self, words: &[&str]) -> (Option<i32>, Vec<Value>) {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_orderfleet"))
            .arg("dlq")
            .args(words)
            .args(["--json", "--nats-url", &self.fleet.broker().url()])
            .env("USER", "alice")
            .stdin(Stdio::null())
            .output();
        let output = output.await.unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    async fn open_letters(&self, count: usize) -> Vec<Value> {
        eventually(SOON, "the letters are there", async || {
            let (_, letters) = self.dlq(&["list"]).await;
            (letters.len() == count).then_some(letters)
        })
        .await
    }

    async fn confirmed(&self, order: OrderId) {
        let orders = OrderClient::new(&self.fleet.url("order-service").unwrap()).unwrap();
        eventually(SOON, "the order is confirmed", async || {
            let order = orders.get(order).await.ok()?;
            (order.status == OrderStatus::Confirmed).then_some(())
        })
        .await;
    }

    /// The gauge of open letters of a service, over all causes.
    async fn waiting(&self, service: &str) -> f64 {
        let url = self.fleet.url(service).unwrap();
        let text = runtime::http_client()
            .build()
            .unwrap()
            .get(format!("{url}/metrics"))
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let lines = text.lines().filter(|line| line.starts_with("dead_letters_open{"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    async fn verify(&self) -> Report {
        let expected = Expectations { complete: true, ..Expectations::default() };
        let options = verify::Options { wait: SOON };
        verify::run(&Target::of(&self.fleet).unwrap(), &expected, &options, |_| {}).await.unwrap()
    }
}

/// A request to place an order for a lamp.
fn place(order: OrderId) -> Vec<u8> {
    let lines = vec![Line { sku: "LAMP".to_owned(), quantity: 1, unit_price: 3_900 }];
    let data = PlaceOrder {
        order_id: order,
        customer_id: "c-1".to_owned(),
        lines,
        total: events::Money { amount: 3_900, currency: "EUR".parse().unwrap() },
        payment_method: "tok_visa".to_owned(),
        fingerprint: "f".repeat(64),
    };
    let envelope = Envelope {
        id: derive(&["test", &order.to_string()]),
        kind: PlaceOrder::TYPE.into(),
        version: PlaceOrder::VERSION,
        aggregate_id: order.to_string().into(),
        timestamp: events::Timestamp(1_767_225_600_000_000),
        trace_id: TraceId([7; 16]),
        causation_id: Uuid::nil(),
        data: &data,
    };
    envelope.to_body()
}

#[tokio::test]
async fn a_poisoned_request_is_mended_and_becomes_an_order() {
    let shop = Shop::open().await;
    shop.publish(PlaceOrder::TYPE, b"{ no order").await;
    shop.publish(PlaceOrder::TYPE, b"{ no order either").await;
    let letters = shop.open_letters(2).await;
    assert_eq!((&letters[0]["cause"], &letters[0]["consumer"]), (&"undecodable".into(), &"ORDERS".into()));
    eventually(SOON, "the gauge counts them", async || {
        (shop.waiting("order-service").await == 2.0).then_some(())
    })
    .await;
    assert!(!shop.verify().await.holds(), "nobody has seen to them");

    // The same body fails in the same way; from then on the journal knows it as another letter.
    let (code, said) = shop.dlq(&["redrive", "--id", "1", "--yes"]).await;
    let failed = said.last().unwrap();
    assert_eq!((code, &failed["action"]), (Some(1), &"failed_again".into()), "{said:?}");
    let (code, said) = shop.dlq(&["redrive", "--id", "1", "--again", "--yes"]).await;
    assert_eq!((code, said.len(), &said[0]["new_letter"]), (Some(1), 1, &failed["new_letter"]), "{said:?}");

    let order = OrderId(Uuid::from_u128(0x0198_c0de_7a11_7c3e_9b5d_2f6a_1e8d_4c70));
    let body = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(body.path(), place(order)).unwrap();
    let path = body.path().to_str().unwrap();
    let back = failed["new_letter"].to_string();
    let mended = ["redrive", "--id", &back, "--edit-with", path, "--yes", "--reason", "mended"];
    let (code, said) = shop.dlq(&mended).await;
    assert_eq!(
        (code, said.last().map(|last| &last["action"])),
        (Some(0), Some(&"handled".into())),
        "{said:?}"
    );
    shop.confirmed(order).await;
    let (code, _) = shop.dlq(&["discard", "--id", "2", "--yes", "--reason", "a joke"]).await;
    assert_eq!(code, Some(0));

    let report = shop.verify().await;
    assert!(report.holds() && report.settled, "{:#?}", report.checks);
    let summary = (report.summary.dead_letters, report.summary.redriven, report.summary.discarded);
    assert_eq!(summary, (3, 2, 1));
    eventually(SOON, "the gauge forgets them", async || {
        (shop.waiting("order-service").await == 0.0).then_some(())
    })
    .await;
    // What the operator did is part of the order's story.
    let audit = AuditClient::new(&shop.fleet.url("audit-service").unwrap()).unwrap();
    let story = audit.timeline(order).await.unwrap();
    let subjects: Vec<_> = story.iter().map(|event| event.subject.as_str()).collect();
    for what in ["redrive.ORDERS", "dead_letters.redriven"] {
        assert!(subjects.contains(&what), "{subjects:?}");
    }
    shop.fleet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_message_that_a_worker_gave_up_is_put_back_and_nobody_is_charged_twice() {
    let shop = Shop::open().await;
    let order = OrderId(Uuid::from_u128(7));
    shop.publish(PlaceOrder::TYPE, &place(order)).await;
    shop.confirmed(order).await;
    shop.publish("inventory.reserved", b"no event").await;
    // The journal that it stands in notices it when it looks; until then nothing is said against it.
    assert_eq!(shop.verify().await.broken(), [CheckId::V6]);
    let letters = shop.open_letters(2).await;
    let of = |consumer: &str| letters.iter().find(|letter| letter["consumer"] == consumer).unwrap();
    let (charge, foreign) =
        (of("payment-charge")["letter"].to_string(), of("INVENTORY")["letter"].to_string());
    let (code, said) = shop.dlq(&["redrive", "--id", &foreign, "--yes"]).await;
    assert_eq!((code, &said[0]["action"]), (Some(1), &"refused".into()));
    // The same body fails in the same way.
    let (code, said) = shop.dlq(&["redrive", "--id", &charge, "--yes"]).await;
    assert_eq!(
        (code, said.last().map(|last| &last["action"])),
        (Some(1), Some(&"failed_again".into())),
        "{said:?}"
    );

    // The order that was paid before goes to payment once more, by an operator's mistake.
    let reserved = eventually(SOON, "its stock is set aside", async || {
        let last = shop.log.extent("INVENTORY").await.ok()?.last;
        for sequence in 1..=last {
            let message = shop.log.get("INVENTORY", sequence).await.ok()??;
            if message.subject == "inventory.reserved" && message.payload.starts_with(b"{") {
                return Some(message.payload);
            }
        }
        None
    })
    .await;
    let body = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(body.path(), &reserved).unwrap();
    let again = said.last().unwrap()["new_letter"].to_string();
    let path = body.path().to_str().unwrap();
    let (code, said) = shop.dlq(&["redrive", "--id", &again, "--edit-with", path, "--yes"]).await;
    assert_eq!(
        (code, said.last().map(|last| &last["action"])),
        (Some(0), Some(&"handled".into())),
        "{said:?}"
    );
    let (code, _) = shop.dlq(&["discard", "--all", "--yes", "--reason", "nobody waits for them"]).await;
    assert_eq!(code, Some(0));
    // Who can read it takes it for stock that has moved, until an operator says that it has not.
    shop.publish("inventory.adjusted", ADJUSTED.as_bytes()).await;
    shop.open_letters(1).await;
    assert_eq!(shop.verify().await.broken(), [CheckId::V3, CheckId::V6]);
    let (code, _) = shop.dlq(&["discard", "--all", "--yes", "--reason", "nobody of ours wrote it"]).await;
    assert_eq!(code, Some(0));
    let report = shop.verify().await;
    assert!(report.holds() && report.settled, "{:#?}", report.checks);
    let notes: Vec<_> = report.checks.iter().flat_map(|check| &check.notes).collect();
    assert_eq!(notes.len(), 1, "what was put back before cannot be said to have been left alone: {notes:?}");
    assert_eq!(report.summary.captured["EUR"], 3_900, "one lamp was paid once");
    shop.fleet.shutdown().await.unwrap();
}
