//! What nobody, or somebody else alone, may do is refused to each user, and changes nothing.

use std::{collections::BTreeMap, time::Duration};

use events::catalogue::{PAYMENT_CHARGE, STREAMS, every_consumer};
use messaging::{
    headers::Headers,
    jetstream::JetStream,
    log::{Consumer, Delivery, Log, Message},
    permissions::{OPERATOR, SETUP},
    topology::{self, Action, TopologyOptions},
};
use serde_json::json;
use testkit::{Broker, broker_with, eventually};

use crate::{
    deeds,
    raw::Raw,
    rig::{accounts, broker, connect, password, users, with_passwords},
};

/// Fewer forbidden deeds than this, and the table no longer asks what it should.
const ENOUGH: usize = 200;
const SOON: Duration = Duration::from_secs(30);
const UNRESTRICTED: &str = "admin";

fn small() -> TopologyOptions {
    TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() }
}

/// A broker with the streams on it, and in each a message of whoever writes it; one is handed out and not settled.
struct Stage {
    broker: Broker,
    setup: JetStream,
    operator: JetStream,
    _in_hand: Vec<messaging::jetstream::JetStreamDelivery>,
}

impl Stage {
    async fn open(broker: Broker) -> Self {
        let url = broker.url();
        let setup = connect(&url, SETUP).await;
        topology::setup(&setup, &small()).await.unwrap();
        for (user, subject) in [
            ("order-service", "requests.order.place"),
            ("order-service", "orders.created"),
            ("inventory-service", "inventory.reserved"),
            ("payment-service", "payments.captured"),
            ("notification-service", "notifications.sent"),
            ("audit-service", "dead_letters.audit-service"),
            (OPERATOR, "redrive.payment-charge"),
        ] {
            let message =
                Message { subject: subject.to_owned(), headers: Headers::new(), payload: "{}".into() };
            connect(&url, user).await.publish(&message, None).await.unwrap();
        }
        let payment = connect(&url, "payment-service").await;
        let in_hand = payment.consume(PAYMENT_CHARGE.stream, PAYMENT_CHARGE.durable).next(1).await;
        assert_eq!(in_hand[0].deliveries(), 1);
        let operator = connect(&url, OPERATOR).await;
        Self { broker, setup, operator, _in_hand: in_hand }
    }

    /// What there is: how much in each stream, how much of it is settled, and whether all is as it was set up.
    async fn state(&self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        let names = STREAMS.iter().map(|def| def.name);
        for stream in names.chain(["DEAD_LETTERS", "REDRIVE", "ADVISORIES", "KV_worker-attempts"]) {
            let extent = self.operator.extent(stream).await.unwrap();
            state.insert(stream.to_owned(), format!("{extent:?}"));
        }
        for def in every_consumer() {
            let settled = self.operator.settled(def.stream, def.durable).await.unwrap();
            state.insert(def.durable.to_owned(), format!("{settled:?}"));
        }
        for change in topology::compare(&self.setup, &small()).await.unwrap() {
            assert_eq!(change.action, Action::Unchanged, "{}", change.what);
        }
        state
    }

    /// Waits for a message in a stream, under that subject and with a body that begins so.
    async fn arrives(&self, stream: &str, sequence: u64, subject: &str, holds: &str) {
        let message = eventually(SOON, "the server's answer in the stream", async || {
            self.operator.get(stream, sequence).await.unwrap()
        })
        .await;
        let body = String::from_utf8_lossy(&message.payload);
        assert!(message.subject == subject && body.contains(holds), "{} {body}", message.subject);
    }

    /// Does everything that is not lawful for a user; gives how many deeds those are, and which were not refused.
    async fn do_what_is_forbidden(&self, user: &str) -> (usize, Vec<String>) {
        let mut raw = Raw::connect(self.broker.port(), user).await;
        let (mut count, mut done) = (0, Vec::new());
        for deed in deeds::all().into_iter().filter(|deed| !deed.is_lawful_for(user)) {
            let refusals = match deed.is_subscription {
                true => raw.subscribe(&deed.subject).await,
                false => raw.publish(&deed.subject, "{}").await,
            };
            let kind = if deed.is_subscription { "Subscription to" } else { "Publish to" };
            let refusal = format!("'Permissions Violation for {kind} \"{}\"'", deed.subject);
            count += 1;
            if refusals != [refusal] {
                done.push(format!("{kind} {}: {refusals:?}", deed.subject));
            }
        }
        (count, done)
    }
}

#[tokio::test]
async fn what_is_not_theirs_is_refused_to_each_and_nothing_changes() {
    let stage = Stage::open(broker_with(broker()).await).await;
    let before = stage.state().await;
    for user in users() {
        let (count, done) = stage.do_what_is_forbidden(user).await;
        assert!(count >= ENOUGH, "only {count} deeds are forbidden to {user}");
        assert_eq!(done, Vec::<String>::new(), "{user} could do what is forbidden");
        assert_eq!(stage.state().await, before, "{user} has changed something");
    }
}

#[tokio::test]
async fn what_is_theirs_is_not_refused() {
    let broker = broker_with(broker()).await;
    topology::setup(&connect(&broker.url(), SETUP).await, &small()).await.unwrap();
    let mut count = 0;
    for user in users() {
        let mut raw = Raw::connect(broker.port(), user).await;
        for deed in deeds::all().into_iter().filter(|deed| deed.is_lawful_for(user)) {
            let refusals = match deed.is_subscription {
                true => raw.subscribe(&deed.subject).await,
                // Nothing comes of it: no request of the server's is an array.
                false => raw.publish(&deed.subject, "[]").await,
            };
            assert_eq!(refusals, Vec::<String>::new(), "{user} {}", deed.subject);
            count += 1;
        }
    }
    assert!(count > users().len(), "everybody may do something");
}

#[tokio::test]
async fn a_user_without_limits_is_found_out() {
    let admin =
        format!("    users: [\n      {{ user: {UNRESTRICTED}, password: {} }}\n", password(UNRESTRICTED));
    let text = accounts().replacen("    users: [\n", &admin, 1);
    let open = with_passwords(nats_server::NatsServer::builder().config_extra(text));
    let stage = Stage::open(broker_with(open).await).await;
    let (count, done) = stage.do_what_is_forbidden(UNRESTRICTED).await;
    assert_eq!(done.len(), count, "none of it was refused");
    assert!(stage.operator.extent("ORDERS").await.is_err(), "and the streams are gone");
}

#[tokio::test]
async fn nobody_gets_in_without_saying_who_they_are() {
    let broker = broker_with(broker()).await;
    for (user, password) in [("order-service", "wrong"), ("order-service", ""), ("nobody", "wrong")] {
        let mut trouble = refused(&broker, user, password).await;
        let said = trouble.wait_for(Option::is_some).await.unwrap().clone().unwrap().to_string();
        assert!(said.contains("refuses") && said.contains(user) && !said.contains("wrong"), "{said}");
    }
}

async fn refused(
    broker: &Broker,
    user: &str,
    password: &str,
) -> tokio::sync::watch::Receiver<Option<messaging::jetstream::Trouble>> {
    use messaging::jetstream::{ConnectOptions, Credentials, Security};
    let options =
        ConnectOptions { urls: broker.url(), service: user.to_owned(), instance: "test".to_owned() };
    let credentials = Credentials::Password { user: user.to_owned(), password: password.to_owned().into() };
    let security = Security { credentials, ..Security::default() };
    JetStream::connect_with(options, &security).await.unwrap().trouble()
}

#[tokio::test]
async fn a_request_that_names_no_consumer_cannot_take_one_over() {
    let stage = Stage::open(broker_with(broker()).await).await;
    let before = stage.state().await;
    let mut raw = Raw::connect(stage.broker.port(), "order-service").await;
    for name in ["durable_name", "name"] {
        let config =
            json!({ name: PAYMENT_CHARGE.durable, "ack_policy": "explicit", "deliver_policy": "new" });
        let request = json!({ "stream_name": PAYMENT_CHARGE.stream, "config": config });
        let answer = raw.ask(&format!("$JS.API.CONSUMER.CREATE.{}", PAYMENT_CHARGE.stream), &request).await;
        assert!(answer["error"].is_object(), "{name}: {answer}");
    }
    assert_eq!(stage.state().await, before);
}

/// What docs/SECURITY.md says that permissions do not prevent: the server sends its answer to wherever somebody asks it
/// to, and nothing checks that they may write there. What gets there is no event: it has the server's own form, or
/// the subject under which it was stored first.
#[tokio::test]
async fn an_answer_can_be_sent_anywhere_but_makes_no_event() {
    let stage = Stage::open(broker_with(broker()).await).await;
    let payments = stage.operator.extent("PAYMENTS").await.unwrap().last;
    let mut raw = Raw::connect(stage.broker.port(), "order-service").await;
    let ask = json!({ "seq": 1 });
    let refusals = raw.publish_for("$JS.API.STREAM.MSG.GET.ORDERS", "payments.captured", &ask).await;
    assert_eq!(refusals, Vec::<String>::new());
    stage.arrives("PAYMENTS", payments + 1, "payments.captured", "io.nats.jetstream.api.v1.").await;

    let config =
        json!({ "ack_policy": "none", "deliver_policy": "all", "inactive_threshold": 30_000_000_000_u64 });
    let made = raw
        .ask("$JS.API.CONSUMER.CREATE.ORDERS", &json!({ "stream_name": "ORDERS", "config": config }))
        .await;
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.ORDERS.{}", made["name"].as_str().unwrap());
    let refusals = raw.publish_for(&next, "payments.captured", &json!({ "batch": 1 })).await;
    assert_eq!(refusals, Vec::<String>::new());
    stage.arrives("PAYMENTS", payments + 2, "orders.created", "{}").await;
}

/// The one answer that would be what somebody has stored, word for word, is not to be had.
#[tokio::test]
async fn what_is_kept_in_a_bucket_is_not_handed_out_as_it_is() {
    let stage = Stage::open(broker_with(broker()).await).await;
    let mut raw = Raw::connect(stage.broker.port(), "order-service").await;
    let subject = "$JS.API.DIRECT.GET.OBJ_journal-snapshots-ORDERS.$O.journal-snapshots-ORDERS.M.forged";
    let refusals = raw.publish_for(subject, "payments.captured", &json!({})).await;
    assert_eq!(refusals.len(), 1, "{refusals:?}");
}
