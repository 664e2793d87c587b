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
/// Who looks at everything, saves it, and puts dead letters back.
pub const OPERATOR: &str = "operator";
/// Who puts a backup back into an empty broker. That takes every right there is in the fleet's account, so it is none
/// of [`identities`]: it is let in for a restore, and not longer.
pub const RESTORE: &str = "restore";

/// Who looks after the server itself, in an account of its own.
pub const SYSTEM: &str = "sys";

/// What [`SYSTEM`] may do.
#[must_use]
pub fn of_the_server() -> Permissions {
    grants::of_the_server()
}

/// What one user of the broker is for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its name at the broker: that of the service, [`SETUP`] or [`OPERATOR`].
    pub name: &'static str,
    /// Subjects it publishes to; with the server's wildcards.
    writes: Vec<String>,
    /// Streams of which it asks how they are.
    looks_at: Vec<&'static str>,
    /// Streams that it reads from any place.
    reads: Vec<String>,
    /// Consumers whose messages it is given and settles.
    works: Vec<ConsumerDef>,
    /// The journal that it may lead.
    journal: Option<&'static str>,
    /// Whether it creates and changes what [`topology`] says must exist.
    sets_up: bool,
    /// Whether it saves every stream and bucket.
    backs_up: bool,
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
        Identity::service(PAYMENTS.writer).keeping(PAYMENTS).working(&[
            PAYMENT_CHARGE,
            PAYMENT_REFUND,
            PAYMENT_ADVISORIES,
        ]),
        Identity::service(NOTIFICATIONS.writer).keeping(NOTIFICATIONS).working(&[
            NOTIFICATION_ORDERS,
            NOTIFICATION_REFUNDS,
            NOTIFICATION_ADVISORIES,
        ]),
        Identity::service("audit-service").reading(&STREAMS).reading_of_the_broker(),
        Identity { sets_up: true, ..Identity::nobody(SETUP) },
        Identity::operator(),
    ]
}

impl Identity {
    fn nobody(name: &'static str) -> Self {
        let (writes, looks_at, reads, works) = (vec![], vec![], vec![], vec![]);
        Self { name, writes, looks_at, reads, works, journal: None, sets_up: false, backs_up: false }
    }

    /// Parks what it cannot handle, and counts what is parked and put back.
    fn service(name: &'static str) -> Self {
        let mut service = Self::nobody(name).writing(&format!("dead_letters.{name}"));
        service.reads = vec![dead_letter::STREAM.to_owned(), topology::REDRIVE.to_owned()];
        service
    }

    /// Reads and saves every stream there is, and writes what operators do about dead letters.
    fn operator() -> Self {
        let reads = topology::stream_names();
        let mut writes: Vec<String> = LetterEvent::TYPES.iter().map(|(kind, _)| (*kind).to_owned()).collect();
        writes.push("redrive.*".to_owned());
        Self { reads, writes, backs_up: true, ..Self::nobody(OPERATOR) }
    }

    fn writing(mut self, subject: &str) -> Self {
        self.writes.push(subject.to_owned());
        self
    }

    fn reading(mut self, streams: &[StreamDef]) -> Self {
        self.reads.extend(streams.iter().map(|def| def.name.to_owned()));
        self
    }

    /// What the broker itself reports of consumers.
    fn reading_of_the_broker(mut self) -> Self {
        self.reads.push(topology::ADVISORIES.to_owned());
        self
    }

    /// Writes a stream, and makes sure that it is there.
    fn keeping(mut self, stream: StreamDef) -> Self {
        self.looks_at.push(stream.name);
        self.writing(stream.subjects)
    }

    fn leading(mut self, journal: StreamDef) -> Self {
        self.journal = Some(journal.name);
        self.keeping(journal).reading(&[journal])
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn each_stream_is_written_by_who_the_catalogue_says() {
        for def in STREAMS {
            let prefix = def.subjects.trim_end_matches('>');
            let writes = |one: &&Identity| one.writes.iter().any(|subject| subject.starts_with(prefix));
            let everybody = identities();
            let writers: Vec<_> = everybody.iter().filter(writes).map(|one| one.name).collect();
            match def.name {
                "REQUESTS" => assert_eq!(writers, ["order-service", "inventory-service"]),
                _ => assert_eq!(writers, [def.writer]),
            }
        }
    }

    #[test]
    fn each_consumer_is_worked_on_by_one_service_whose_name_it_bears() {
        let mut workers = BTreeMap::new();
        for one in identities() {
            for def in &one.works {
                assert!(one.name.starts_with(def.durable.split('-').next().unwrap_or_default()));
                assert!(workers.insert(def.durable, one.name).is_none(), "{} has two workers", def.durable);
            }
        }
        let all: BTreeSet<_> = catalogue::every_consumer().map(|def| def.durable).collect();
        assert_eq!(workers.into_keys().collect::<BTreeSet<_>>(), all);
    }

    #[test]
    fn who_sets_up_publishes_no_event_and_nobody_else_makes_anything() {
        for one in identities() {
            let Permissions { publish, .. } = one.permissions();
            let makes = |subject: &&String| {
                ["$JS.API.STREAM.CREATE.", "$JS.API.STREAM.UPDATE."]
                    .iter()
                    .any(|api| subject.starts_with(api))
            };
            assert_eq!(publish.iter().any(|subject| makes(&subject)), one.name == SETUP, "{}", one.name);
            let is_api = publish.iter().all(|subject| subject.starts_with("$JS.API."));
            assert_eq!(is_api, one.name == SETUP, "{}", one.name);
        }
    }
}
