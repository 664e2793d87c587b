//! A broker that is set up, a database, and the service between them.

use events::{
    EventData, OrderId, RawEnvelope, TraceId,
    inventory::{Shortage, StockRejected, StockReserved},
    payments::{PaymentCaptured, PaymentRefunded},
};
use messaging::log::Stored;
use order_service::Config;
use projection::testing::{self, Database};
use runtime::{Clock, Process};
use service::{
    BrokerArgs, JournalArgs, ReachArgs,
    testing::{SOON, Streams, euros},
};
use testkit::{Broker, eventually};

use crate::client::Client;

pub(crate) struct Rig {
    pub(crate) broker: Broker,
    pub(crate) streams: Streams,
    pub(crate) database: Database,
    pub(crate) replica: Replica,
}

/// One process of the service.
pub(crate) struct Replica {
    pub(crate) process: Process,
    pub(crate) client: Client,
}

/// What a test wants otherwise than usual.
pub(crate) struct Setup {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    /// Seconds.
    pub(crate) cancel_window: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self { database: testing::sqlite(), clock: Clock::system(), cancel_window: 300 }
    }
}

impl Rig {
    /// The usual one.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_on(database: Database) -> Self {
        Self::start_with(Setup { database, ..Setup::default() }).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let Setup { database, clock, cancel_window } = setup;
        let broker = testkit::broker().await;
        let streams = Streams::set_up(&broker.url()).await;
        let config = config(&broker.url(), database.url(), "order-1");
        let replica = Replica::start(Config { cancel_window, ..config }, clock).await;
        let rig = Self { broker, streams, database, replica };
        rig.replica.ready().await;
        // Somebody leads the journal once there is a fence in it.
        eventually(SOON, "a leader", async || rig.streams.last("ORDERS").await > 0).await;
        rig
    }

    pub(crate) fn client(&self) -> &Client {
        &self.replica.client
    }

    /// Another replica on the same broker and database.
    pub(crate) async fn another(&self, instance: &str) -> Replica {
        Replica::start(config(&self.broker.url(), self.database.url(), instance), Clock::system()).await
    }

    pub(crate) async fn reserve(&self, id: &str) {
        let lines = Vec::new();
        let (customer_id, payment_method) = ("c-1".to_owned(), "pm_card_visa".to_owned());
        let total = euros(1_999);
        self.streams
            .publish(&StockReserved { order_id: order(id), customer_id, lines, total, payment_method })
            .await;
    }

    pub(crate) async fn reject(&self, id: &str) {
        let shortage = Shortage { sku: "LAMP-BLUE".to_owned(), requested: 2, available: Some(1) };
        self.streams.publish(&StockRejected { order_id: order(id), shortages: vec![shortage] }).await;
    }

    pub(crate) async fn capture(&self, id: &str, amount: i64) {
        let charge_id = format!("ch_{id}");
        self.streams
            .publish(&PaymentCaptured { order_id: order(id), charge_id, amount: euros(amount) })
            .await;
    }

    pub(crate) async fn refund(&self, id: &str, amount: i64) {
        let refunded = PaymentRefunded {
            order_id: order(id),
            customer_id: "c-1".to_owned(),
            charge_id: format!("ch_{id}"),
            refund_id: "re_1".to_owned(),
            amount: euros(amount),
        };
        self.streams.publish(&refunded).await;
    }

    /// Waits until the order is shown with this status, and gives it as it is then.
    pub(crate) async fn until(&self, id: &str, status: &str) -> serde_json::Value {
        eventually(SOON, &format!("an order that is {status}"), async || {
            let order = self.client().order(id).await;
            if order.text("/status") == status { Ok(order.body) } else { Err(order.body) }
        })
        .await
    }

    /// Stops the service, which must leave nothing behind, not even a message nobody could handle.
    pub(crate) async fn stop(self) {
        assert!(self.replica.process.stop().await, "everything in hand was finished");
        assert_eq!(self.streams.last("DEAD_LETTERS").await, 0);
    }
}

impl Replica {
    pub(crate) async fn start(config: Config, clock: Clock) -> Self {
        let process = Process::for_tests_with_clock("order-service", clock);
        let address = order_service::serve(config, process.clone()).await.unwrap();
        Self { process, client: Client::new(address) }
    }

    pub(crate) async fn ready(&self) {
        eventually(SOON, "readiness", async || {
            let answer = self.client.get("/ready").await;
            if answer.code == 200 { Ok(()) } else { Err(answer.body) }
        })
        .await;
    }
}

pub(crate) fn config(broker: &str, database: &str, instance: &str) -> Config {
    Config {
        journal: JournalArgs::default(),
        broker: BrokerArgs { reach: ReachArgs::open(broker), instance: instance.to_owned() },
        database_url: database.to_owned(),
        order_deadline: 86_400,
        cancel_window: 300,
        stuck_after: 300,
    }
}

pub(crate) fn order(id: &str) -> OrderId {
    id.parse().unwrap()
}

/// The trace of a stored message, by its envelope.
pub(crate) fn trace(message: &Stored) -> TraceId {
    RawEnvelope::parse(&message.payload).unwrap().trace_id
}

/// The payload of a stored message.
pub(crate) fn data<D: EventData>(message: &Stored) -> D {
    RawEnvelope::parse(&message.payload).unwrap().decode_as().unwrap()
}
