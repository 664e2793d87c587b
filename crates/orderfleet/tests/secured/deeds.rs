//! What there is to be done at the broker, and who may: written out by hand, not taken from what is tested.

use events::catalogue::{CONSUMERS, DEAD_LETTERS, REDRIVES, STREAMS, every_consumer};
use messaging::permissions::{OPERATOR, SETUP, SYSTEM};

use crate::rig::{SERVICES, users};

/// The streams beside those of events.
const OTHERS: [&str; 5] =
    ["DEAD_LETTERS", "REDRIVE", "ADVISORIES", "KV_worker-attempts", "OBJ_journal-snapshots-ORDERS"];

/// Something to be done.
pub(crate) struct Deed {
    pub(crate) is_subscription: bool,
    pub(crate) subject: String,
    /// Who may; nobody at all if it is empty.
    lawful: Vec<&'static str>,
}

impl Deed {
    pub(crate) fn is_lawful_for(&self, user: &str) -> bool {
        self.lawful.contains(&user)
    }
}

fn publish(subject: impl Into<String>, lawful: &[&'static str]) -> Deed {
    Deed { is_subscription: false, subject: subject.into(), lawful: lawful.to_vec() }
}

fn subscribe(subject: impl Into<String>, lawful: &[&'static str]) -> Deed {
    Deed { is_subscription: true, subject: subject.into(), lawful: lawful.to_vec() }
}

/// Every deed.
pub(crate) fn all() -> Vec<Deed> {
    [events(), operators(), streams(), consumers(), buckets(), server(), listening()]
        .into_iter()
        .flatten()
        .collect()
}

/// The service that says what happens under a subject.
fn writer(subject: &str) -> &'static str {
    let writers = [
        ("requests.order.", "order-service"),
        ("requests.stock.", "inventory-service"),
        ("orders.", "order-service"),
        ("inventory.", "inventory-service"),
        ("payments.", "payment-service"),
        ("notifications.", "notification-service"),
        ("dead_letters.", OPERATOR),
    ];
    let found = writers.iter().find(|(prefix, _)| subject.starts_with(prefix));
    found.map(|(_, writer)| *writer).unwrap()
}

/// To say that something has happened.
fn events() -> Vec<Deed> {
    let defs = STREAMS.iter().chain([&DEAD_LETTERS]);
    let subjects = defs.flat_map(|def| def.types.iter().map(|(kind, _)| *kind).chain(def.control));
    let of_services = SERVICES.map(|service| publish(format!("dead_letters.{service}"), &[service]));
    subjects.map(|subject| publish(subject, &[writer(subject)])).chain(of_services).collect()
}

/// What operators do, and what the broker says of itself.
fn operators() -> Vec<Deed> {
    let consumers = CONSUMERS.map(|def| publish(format!("redrive.{}", def.durable), &[OPERATOR]));
    let others = [
        publish("redrive.ORDERS", &[OPERATOR]),
        publish("fleet.heartbeat.ORDERS", &["order-service"]),
        publish("fleet.heartbeat.INVENTORY", &["inventory-service"]),
        publish("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.INVENTORY.payment-charge", &[]),
        publish("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.ORDERS.payment-refund", &[]),
    ];
    consumers.into_iter().chain(others).collect()
}

/// To make, change, empty or remove a stream.
fn streams() -> Vec<Deed> {
    let mut deeds =
        vec![publish("$JS.API.STREAM.CREATE.MINE", &[]), publish("$JS.API.STREAM.UPDATE.MINE", &[])];
    for stream in STREAMS.iter().map(|def| def.name).chain(OTHERS) {
        for what in ["DELETE", "MSG.DELETE", "RESTORE", "LEADER.STEPDOWN", "PEER.REMOVE"] {
            deeds.push(publish(format!("$JS.API.STREAM.{what}.{stream}"), &[]));
        }
        deeds.push(publish(format!("$JS.API.STREAM.SNAPSHOT.{stream}"), &[OPERATOR]));
        // Old snapshots are thrown away by who made them.
        let purged_by: &[_] = if stream.ends_with("snapshots-ORDERS") { &["order-service"] } else { &[] };
        deeds.push(publish(format!("$JS.API.STREAM.PURGE.{stream}"), purged_by));
        deeds.push(publish(format!("$JS.API.STREAM.CREATE.{stream}"), &[SETUP]));
        deeds.push(publish(format!("$JS.API.STREAM.UPDATE.{stream}"), &[SETUP]));
    }
    deeds
}

/// To make a consumer, or to do something with one.
fn consumers() -> Vec<Deed> {
    let mut deeds = vec![
        publish("$JS.API.CONSUMER.CREATE.ORDERS.spy", &[]),
        publish("$JS.API.CONSUMER.CREATE.ORDERS.spy.orders.created", &[]),
        publish("$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.spy", &[]),
    ];
    for def in every_consumer() {
        let (stream, durable) = (def.stream, def.durable);
        let owner = if durable.starts_with("payment-") { "payment-service" } else { "notification-service" };
        for what in ["DURABLE.CREATE", "DELETE", "PAUSE", "RESET", "UNPIN", "LEADER.STEPDOWN"] {
            deeds.push(publish(format!("$JS.API.CONSUMER.{what}.{stream}.{durable}"), &[]));
        }
        deeds.push(publish(format!("$JS.API.CONSUMER.CREATE.{stream}.{durable}"), &[SETUP]));
        deeds.push(publish(format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"), &[owner]));
        deeds.push(publish(format!("$JS.ACK.{stream}.{durable}.1.1.1.1767225600000000000.0"), &[owner]));
        let new_form = format!("$JS.ACK._.hash.{stream}.{durable}.1.1.1.1767225600000000000.0.x");
        deeds.push(publish(new_form, &[owner]));
    }
    deeds
}

/// To change what is remembered of messages, and journals' snapshots.
fn buckets() -> Vec<Deed> {
    let attempts = CONSUMERS.iter().chain(&REDRIVES).map(|def| {
        let owner =
            if def.durable.starts_with("payment-") { "payment-service" } else { "notification-service" };
        publish(format!("$KV.worker-attempts.{}.1", def.durable), &[owner])
    });
    let snapshots =
        [("ORDERS", "order-service"), ("INVENTORY", "inventory-service")].map(|(journal, owner)| {
            ["M.name", "C.chunk"]
                .map(|what| publish(format!("$O.journal-snapshots-{journal}.{what}"), &[owner]))
        });
    attempts.chain(snapshots.into_iter().flatten()).collect()
}

/// To rule the server, or to speak as somebody's answer.
fn server() -> Vec<Deed> {
    let subjects = [
        "$JS.API.INFO",
        "$JS.API.STREAM.LIST",
        "$JS.API.STREAM.NAMES",
        "$JS.API.CONSUMER.LIST.ORDERS",
        "$JS.API.ACCOUNT.PURGE.FLEET",
        "$JS.API.SERVER.REMOVE",
        "$JS.API.META.LEADER.STEPDOWN",
        "$SYS.REQ.SERVER.ABC.KICK",
        "$SYS.REQ.SERVER.ABC.RELOAD",
        "$SYS.REQ.ACCOUNT.FLEET.CONNZ",
        "$SYS.REQ.CLAIMS.UPDATE",
        "_INBOX.forged",
    ];
    let answers = SERVICES.map(|service| publish(format!("_INBOX_{service}.forged"), &[]));
    let looking =
        ["$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.JSZ"].map(|subject| publish(subject, &[SYSTEM]));
    let ruling = subjects.map(|subject| publish(subject, &[]));
    ruling.into_iter().chain(answers).chain(looking).collect()
}

/// To hear what is meant for others.
fn listening() -> Vec<Deed> {
    let everything = [">", "*", "*.*", "$JS.>", "$JS.API.>", "$JS.ACK.>", "$KV.>", "$O.>"];
    let subjects =
        STREAMS.iter().map(|def| def.subjects).chain(["dead_letters.>", "redrive.>", "fleet.heartbeat.>"]);
    let mut deeds: Vec<_> =
        everything.into_iter().chain(subjects).map(|subject| subscribe(subject, &[])).collect();
    deeds.extend(["$SYS.>", "_INBOX.>"].map(|subject| subscribe(subject, &[SYSTEM])));
    deeds.push(subscribe("fleet.heartbeat.ORDERS", &["order-service"]));
    deeds.push(subscribe("fleet.heartbeat.INVENTORY", &["inventory-service"]));
    for user in users() {
        deeds.push(subscribe(format!("_INBOX_{user}.>"), &[user]));
    }
    deeds
}
