//! The handler against a channel that answers as told.

use std::{borrow::Cow, sync::Mutex};

use events::{
    Envelope, EventData, Money, OrderId, RawEnvelope, Timestamp, TraceId, notifications::Template,
    orders::OrderConfirmed, payments::PaymentRefunded,
};
use messaging::{headers::Headers, log::Stored, trace::TraceContext};
use prometheus::{Registry, TextEncoder};
use uuid::Uuid;

use super::*;

const ABOUT: Uuid = Uuid::from_u128(7);
const ORDER: OrderId = OrderId(Uuid::from_u128(1));

/// Answers as told, or never, and writes down what it was given.
struct Scripted {
    answer: Answer,
    given: Arc<Mutex<Vec<Message>>>,
}

impl Channel for Scripted {
    const NAME: &'static str = "scripted";

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        self.given.lock().unwrap().push(message.clone());
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

/// What the channel says; nothing at all if there is none.
type Answer = Arc<Mutex<Option<Result<(), ChannelError>>>>;

struct Rig {
    registry: Registry,
    answer: Answer,
    now: Arc<Mutex<Timestamp>>,
    given: Arc<Mutex<Vec<Message>>>,
    notify: Notify<Scripted>,
}

impl Rig {
    fn answering(answer: Result<(), ChannelError>) -> Self {
        let (registry, given) = (Registry::new(), Arc::default());
        let metrics = Metrics::register(&registry).unwrap();
        let answer = Arc::new(Mutex::new(Some(answer)));
        let channel = Scripted { answer: Arc::clone(&answer), given: Arc::clone(&given) };
        let now = Arc::new(Mutex::new(Timestamp::default()));
        let clock: Clock = Arc::new({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        Self { registry, answer, now, given, notify: Notify::new(channel, clock, metrics) }
    }

    fn answer(&self, answer: Result<(), ChannelError>) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    fn hang(&self) {
        *self.answer.lock().unwrap() = None;
    }

    async fn handle<D: EventData>(&self, data: &D, version: u32) -> Outcome<NotificationEvent> {
        let envelope = Envelope {
            id: ABOUT,
            kind: Cow::Borrowed(D::TYPE),
            version,
            aggregate_id: Cow::Owned(data.aggregate_id()),
            timestamp: Timestamp::default(),
            trace_id: TraceId::default(),
            causation_id: Uuid::nil(),
            data,
        };
        let message = Stored {
            sequence: 1,
            timestamp: Timestamp::default(),
            subject: D::TYPE.to_owned(),
            headers: Headers::new(),
            payload: envelope.to_body().into(),
        };
        let envelope = RawEnvelope::parse(&message.payload).unwrap();
        let trace = TraceContext::default();
        let received =
            Received { message: &message, envelope, attempt: 1, first: true, repeated: false, trace };
        self.notify.handle(&received).await
    }

    fn counted(&self, template: &str, outcome: &str) -> bool {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let labels = format!(r#"{{outcome="{outcome}",template="{template}"}} 1"#);
        text.contains(&format!("notification_send_duration_seconds_count{labels}"))
    }
}

fn money() -> Money {
    Money { amount: 1_250, currency: "EUR".parse().unwrap() }
}

fn confirmed() -> OrderConfirmed {
    OrderConfirmed {
        order_id: ORDER,
        customer_id: "c-1".to_owned(),
        total: money(),
        charge_id: "ch_1".to_owned(),
    }
}

fn only(outcome: Outcome<NotificationEvent>) -> NotificationEvent {
    match outcome {
        Outcome::Publish(events) => match <[_; 1]>::try_from(events) {
            Ok([event]) => event,
            Err(events) => panic!("{events:?}"),
        },
        other @ (Outcome::Retry(_) | Outcome::Hold { .. } | Outcome::Reject(_)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_was_told_is_told_so() {
    let rig = Rig::answering(Ok(()));
    let sent = only(rig.handle(&confirmed(), 1).await);
    let expected = NotificationSent {
        order_id: ORDER,
        customer_id: "c-1".to_owned(),
        template: Template::OrderConfirmed,
        channel: "scripted".to_owned(),
        about: ABOUT,
    };
    assert_eq!(sent, expected.into());
    let given = rig.given.lock().unwrap();
    let [Message { about: ABOUT, customer_id, text, .. }] = &given[..] else { panic!("{given:?}") };
    assert!(customer_id == "c-1" && text.contains("12.50 EUR"), "{text}");
    assert!(rig.counted("order_confirmed", "sent"));
}

#[tokio::test]
async fn a_refusal_for_good_is_an_outcome_too() {
    let rig = Rig::answering(Err(ChannelError::Refused(format!("no such mailbox{}", "!".repeat(9_999)))));
    let event = PaymentRefunded {
        order_id: ORDER,
        customer_id: "c-1".to_owned(),
        charge_id: "ch_1".to_owned(),
        refund_id: "re_1".to_owned(),
        amount: money(),
    };
    let NotificationEvent::Failed(failed) = only(rig.handle(&event, 1).await) else { panic!() };
    assert_eq!((failed.template, failed.about), (Template::OrderRefunded, ABOUT));
    assert!(failed.error.starts_with("no such mailbox!") && failed.error.chars().count() == MAX_ERROR);
    assert!(rig.counted("order_refunded", "failed"));
}

fn busy() -> Result<(), ChannelError> {
    Err(ChannelError::Transient("busy".to_owned()))
}

fn held(outcome: &Outcome<NotificationEvent>, why: &str) -> bool {
    matches!(outcome, Outcome::Hold { reason, .. } if reason.contains(why))
}

#[tokio::test]
async fn a_channel_that_may_be_down_costs_no_attempt() {
    let rig = Rig::answering(busy());
    for _outage in 0..20 {
        assert!(held(&rig.handle(&confirmed(), 1).await, "did not take the message: busy"));
    }
}

#[tokio::test]
async fn a_message_that_fails_where_ten_others_are_sent_uses_its_attempts_up() {
    let rig = Rig::answering(Ok(()));
    for _other in 0..10 {
        only(rig.handle(&confirmed(), 1).await);
    }
    rig.answer(busy());
    let Outcome::Retry(error) = rig.handle(&confirmed(), 1).await else { panic!() };
    assert_eq!(error.to_string(), "the channel did not take the message: busy");
    assert!(rig.counted("order_confirmed", "retried"));
    assert!(held(&rig.handle(&confirmed(), 1).await, "busy"), "nobody was told since");
    assert!(rig.counted("order_confirmed", "held"));
}

#[tokio::test]
async fn after_a_day_one_other_is_enough_to_tell_and_none_is_not() {
    let rig = Rig::answering(busy());
    *rig.now.lock().unwrap() = Timestamp::default().after(OVERDUE);
    for _outage in 0..20 {
        assert!(held(&rig.handle(&confirmed(), 1).await, "busy"), "days without a provider park nobody's");
    }
    rig.answer(Ok(()));
    only(rig.handle(&confirmed(), 1).await);
    rig.answer(busy());
    assert!(matches!(rig.handle(&confirmed(), 1).await, Outcome::Retry(_)));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_hangs_is_given_up() {
    let rig = Rig::answering(Ok(()));
    rig.hang();
    let started = Instant::now();
    assert!(held(&rig.handle(&confirmed(), 1).await, "no answer within 30 s"));
    assert_eq!(started.elapsed(), PATIENCE);
}

#[tokio::test]
async fn what_cannot_be_read_is_rejected_and_nobody_is_told() {
    let rig = Rig::answering(Ok(()));
    let Outcome::Reject(error) = rig.handle(&confirmed(), 2).await else { panic!() };
    assert_eq!(error.to_string(), "unknown version 2 of `orders.confirmed`");
    assert!(rig.given.lock().unwrap().is_empty());
}
