//! The five services, each as its own user: everything they do is permitted, and nothing they ask for is refused.

use std::time::Duration;

use messaging::{
    headers::Headers,
    log::{Log, Message},
    permissions::{OPERATOR, SETUP},
};
use orderfleet::{
    client::{OrderBody, OrderClient, OrderLine, OrderStatus, StockClient, patiently},
    fleet::{Fleet, FleetOptions},
};
use serde_json::Value;
use service::ReachArgs;
use testkit::eventually;

use crate::rig::{SERVICES, broker, command, connect, password, refusals};

const SOON: Duration = Duration::from_secs(60);

pub(crate) fn options() -> FleetOptions {
    let mut options = FleetOptions::temporary()
        .replicas("order-service", 2)
        .replicas("inventory-service", 2)
        .replicas("payment-service", 2)
        .env("order-service", "SNAPSHOT_INTERVAL", "1")
        .env("inventory-service", "SNAPSHOT_INTERVAL", "1");
    for service in SERVICES {
        options =
            options.env(service, "NATS_USER", service).env(service, "NATS_PASSWORD", &password(service));
    }
    let setup = ReachArgs::default().user(SETUP, &password(SETUP));
    FleetOptions { broker: broker().sync_always(true), setup, ..options }
}

/// A fleet, and those who use it.
struct Shop {
    fleet: Fleet,
}

impl Shop {
    fn broker(&self) -> String {
        self.fleet.broker().url()
    }

    async fn stock(&self, sku: &str) {
        let stock = StockClient::new(&self.fleet.url("inventory-service").unwrap()).unwrap();
        stock.set(sku, 1_000, None).await.unwrap();
    }

    /// Places an order at a replica that is still there, and waits until it is confirmed.
    async fn buy(&self, replica: usize) {
        let orders = OrderClient::new(&self.fleet.get("order-service", replica).unwrap().url()).unwrap();
        let body = OrderBody {
            customer_id: "ada".to_owned(),
            lines: vec![OrderLine { sku: "LAMP".to_owned(), quantity: 1, unit_price: 3_900 }],
            currency: "EUR".to_owned(),
            payment_method: "tok_visa".to_owned(),
        };
        let placed = orders.place(&body, None, None).await.unwrap();
        // A read model that is behind says so, and is asked again.
        let order = patiently(SOON, || orders.get_settled(placed.order_id, SOON)).await.unwrap();
        assert_eq!(order.status, OrderStatus::Confirmed);
    }

    async fn letters(&self, count: usize) -> Vec<Value> {
        eventually(SOON, "the dead letters are there", async || {
            let said = command(&self.broker(), OPERATOR, &["dlq", "list"]).await;
            (said.objects.len() == count).then_some(said.objects)
        })
        .await
    }

    /// How many of both journals' snapshots are stored, under the names that this release has for them.
    async fn snapshots(&self) -> (usize, usize) {
        let order = connect(&self.broker(), "order-service").await;
        let inventory = connect(&self.broker(), "inventory-service").await;
        let count =
            async |js: &messaging::jetstream::JetStream, journal| js.snapshots(journal).await.unwrap().len();
        (count(&order, "ORDERS@2.2").await, count(&inventory, "INVENTORY").await)
    }
}

/// Publishes what nobody can read, as a service that may.
async fn poison(broker: &str, user: &str, subject: &str) {
    let payload = b"no event".to_vec().into();
    let message = Message { subject: subject.to_owned(), headers: Headers::new(), payload };
    connect(broker, user).await.publish(&message, None).await.unwrap();
}

#[tokio::test]
async fn everything_the_fleet_does_is_permitted() {
    let shop = Shop { fleet: Fleet::start(options()).await.unwrap() };
    shop.stock("LAMP").await;
    shop.buy(1).await;

    // Dead letters of a journal and of a worker, put back and written off.
    poison(&shop.broker(), "order-service", "requests.order.place").await;
    poison(&shop.broker(), "inventory-service", "inventory.reserved").await;
    shop.stock("BULB").await;
    let letters = shop.letters(3).await;
    let of = |consumer: &str| {
        let letter = letters.iter().find(|letter| letter["consumer"] == consumer);
        letter.map(|letter| letter["letter"].to_string()).unwrap()
    };
    for consumer in ["ORDERS", "payment-charge"] {
        let said =
            command(&shop.broker(), OPERATOR, &["dlq", "redrive", "--id", &of(consumer), "--yes"]).await;
        let last = said.objects.last().map(|object| object["action"].clone());
        assert_eq!((said.code, last), (Some(1), Some("failed_again".into())), "{}", said.errors);
    }
    let all = ["dlq", "discard", "--all", "--yes", "--reason", "nobody waits for them"];
    let said = command(&shop.broker(), OPERATOR, &all).await;
    assert_eq!(said.code, Some(0), "{}", said.errors);

    // Snapshots are kept, and old ones thrown away; a standby takes over; a broker comes back.
    eventually(SOON, "both journals have snapshots", async || {
        let (orders, inventory) = shop.snapshots().await;
        (orders > 0 && inventory > 0).then_some(())
    })
    .await;
    for service in ["order-service", "inventory-service"] {
        shop.fleet.get(service, 1).unwrap().stop(SOON).await.unwrap();
    }
    shop.buy(2).await;
    shop.fleet.broker().restart().await.unwrap();
    shop.buy(2).await;
    for service in ["order-service", "inventory-service"] {
        shop.fleet.get(service, 1).unwrap().restart().await.unwrap();
    }
    shop.buy(1).await;

    let gateway = shop.fleet.url("gateway-sim").unwrap();
    let (audit, stock) =
        (shop.fleet.url("audit-service").unwrap(), shop.fleet.url("inventory-service").unwrap());
    let verify = ["verify", "--complete", "--wait", "60", "--gateway-url", &gateway, "--audit-url", &audit];
    let said = command(&shop.broker(), OPERATOR, &[&verify[..], &["--inventory-url", &stock]].concat()).await;
    assert_eq!(said.code, Some(0), "{} {:?}", said.errors, said.objects);
    let said = command(&shop.broker(), SETUP, &["setup"]).await;
    assert_eq!(said.code, Some(0), "setting up what is set up changes nothing: {}", said.errors);
    shop.fleet.shutdown().await.unwrap();
    assert_eq!(refusals(shop.fleet.broker()), Vec::<String>::new());
}
