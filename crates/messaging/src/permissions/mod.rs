//! Who may do what at the broker: one identity per service and per task, and for each no more than it needs.
//!
//! [`identities`] is the one place that says what each is for; `grants` makes subjects of that, which is all the
//! server knows. Whatever is not granted is refused, also when it is our own code that asks: a service that was
//! broken into can write its own stream and nobody else's.

mod grants;

use events::{
    catalogue::{
        self, ConsumerDef, INVENTORY, NOTIFICATION_ADVISORIES, NOTIFICATION_ORDERS, NOTIFICATION_REFUNDS,
        NOTIFICATIONS, ORDERS, PAYMENT_ADVISORIES, PAYMENT_CHARGE, PAYMENT_REFUND, PAYMENTS, REQUESTS,
        STREAMS, StreamDef,
    },
    dead_letters::LetterEvent,
};

use crate::{dead_letter, topology};

pub use grants::Permissions;

/// Who sets the broker up: streams, consumers and buckets, and not one event.
pub const SETUP: &str = "setup";
/// Who looks at everything, and puts dead letters back.
pub const OPERATOR: &str = "operator";

/// What one user of the broker is for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its name at the broker: that of the service, [`SETUP`] or [`OPERATOR`].
    pub name: &'static str,
    /// Subjects it publishes to; with the server's wildcards.
    writes: Vec<String>,
    /// Streams that it reads from any place.
    reads: Vec<String>,
    /// Consumers whose messages it is given and settles.
    works: Vec<ConsumerDef>,
    /// The journal that it may lead.
    journal: Option<&'static str>,
    /// Whether it creates and changes what [`topology`] says must exist.
    sets_up: bool,
}

/// Everybody, the services in the order of an order's life.
#[must_use]
pub fn identities() -> Vec<Identity> {
    vec![
        Identity::service(ORDERS.writer)
            .writing("requests.order.>")
            .leading(ORDERS)
            .reading(&[REQUESTS, INVENTORY, PAYMENTS]),
        Identity::service(INVENTORY.writer)
            .writing("requests.stock.>")
            .leading(INVENTORY)
            .reading(&[REQUESTS, ORDERS]),
        Identity::service(PAYMENTS.writer).writing(PAYMENTS.subjects).working(&[
            PAYMENT_CHARGE,
            PAYMENT_REFUND,
            PAYMENT_ADVISORIES,
        ]),
        Identity::service(NOTIFICATIONS.writer).writing(NOTIFICATIONS.subjects).working(&[
            NOTIFICATION_ORDERS,
            NOTIFICATION_REFUNDS,
            NOTIFICATION_ADVISORIES,
        ]),
        Identity::service("audit-service").reading(&STREAMS),
        Identity { sets_up: true, ..Identity::nobody(SETUP) },
        Identity::operator(),
    ]
}

impl Identity {
    fn nobody(name: &'static str) -> Self {
        Self { name, writes: vec![], reads: vec![], works: vec![], journal: None, sets_up: false }
    }

    /// Parks what it cannot handle, and counts what is parked and put back.
    fn service(name: &'static str) -> Self {
        let mut service = Self::nobody(name).writing(&format!("dead_letters.{name}"));
        service.reads = vec![dead_letter::STREAM.to_owned(), topology::REDRIVE.to_owned()];
        service
    }

    /// Reads every stream there is, and writes what operators do about dead letters.
    fn operator() -> Self {
        let streams = topology::streams(&topology::TopologyOptions::default());
        let reads = streams.into_iter().map(|stream| stream.name).collect();
        let mut writes: Vec<String> = LetterEvent::TYPES.iter().map(|(kind, _)| (*kind).to_owned()).collect();
        writes.push("redrive.*".to_owned());
        Self { reads, writes, ..Self::nobody(OPERATOR) }
    }

    fn writing(mut self, subject: &str) -> Self {
        self.writes.push(subject.to_owned());
        self
    }

    fn reading(mut self, streams: &[StreamDef]) -> Self {
        self.reads.extend(streams.iter().map(|def| def.name.to_owned()));
        self
    }

    fn leading(mut self, journal: StreamDef) -> Self {
        self.journal = Some(journal.name);
        self.writing(journal.subjects).reading(&[journal])
    }

    /// Of a worker's consumer it works on what operators put back for it, too.
    fn working(mut self, consumers: &[ConsumerDef]) -> Self {
        self.works.extend(consumers);
        self.works.extend(consumers.iter().filter_map(catalogue::redrive_of));
        self
    }

    /// What the server has to let it do, in the server's terms.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        grants::of(self)
    }
}
