//! Payments through a gateway that answers as told.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use events::{Envelope, EventData, Money, OrderId, RawEnvelope, Timestamp, TraceId, orders::Quantity};
use messaging::{headers::Headers, log::Stored, trace::TraceContext};
use prometheus::Registry;

use super::super::*;
use crate::gateway::BreakerSettings;

pub(super) const STORED: Timestamp = Timestamp(1_700_000_000_000_000);
pub(super) const ORDER: OrderId = OrderId(Uuid::from_u128(1));
pub(super) const CHARGED: Uuid = Uuid::from_u128(7);
pub(super) const REFUNDED: Uuid = Uuid::from_u128(8);
pub(super) const SETTLE: Duration = Duration::from_secs(20);

pub(super) type Answer<T> = Result<T, GatewayError>;

/// Answers from a script, and writes down what was asked.
#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
pub(super) struct Script {
    pub(super) charges: VecDeque<Answer<ChargeOutcome>>,
    pub(super) refunds: VecDeque<Answer<gateway::Refund>>,
    pub(super) found: Option<ChargeOutcome>,
    pub(super) asked: Vec<String>,
}

impl Scripted {
    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.script().asked)
    }
}

impl Gateway for Scripted {
    async fn charge(&self, request: &ChargeRequest) -> Answer<ChargeOutcome> {
        let mut script = self.script();
        let ChargeRequest { amount, currency, payment_method, customer_id, .. } = request;
        script.asked.push(format!("charge {amount} {currency} {payment_method} {customer_id}"));
        script.charges.pop_front().unwrap()
    }

    async fn refund(&self, request: &RefundRequest) -> Answer<gateway::Refund> {
        let mut script = self.script();
        let RefundRequest { charge_id, amount, currency, .. } = request;
        script.asked.push(format!("refund {charge_id} {amount} {currency}"));
        script.refunds.pop_front().unwrap()
    }

    async fn find_charge(&self, _request: &ChargeRequest) -> Answer<Option<ChargeOutcome>> {
        let mut script = self.script();
        script.asked.push("find charge".to_owned());
        Ok(script.found.clone())
    }

    async fn find_refund(&self, _request: &RefundRequest) -> Answer<Option<gateway::Refund>> {
        self.script().asked.push("find refund".to_owned());
        Ok(None)
    }
}

pub(super) struct Rig {
    pub(super) gateway: Scripted,
    pub(super) payments: Arc<Payments<Scripted>>,
    pub(super) registry: Registry,
    pub(super) now: Arc<Mutex<Timestamp>>,
}

impl Rig {
    /// A breaker that opens after so many failures, for longer than any test.
    pub(super) fn new(failures: u32) -> Self {
        let (gateway, registry) = (Scripted::default(), Registry::new());
        let hour = Duration::from_secs(3_600);
        let breaker =
            BreakerSettings { failures, open_for: hour, open_max: hour, ..BreakerSettings::default() };
        let guarded = Guarded::new(gateway.clone(), breaker, &registry).unwrap();
        let now = Arc::new(Mutex::new(STORED));
        let clock: Clock = Arc::new({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        let metrics = Metrics::register(&registry).unwrap();
        Self { gateway, payments: Arc::new(Payments::new(guarded, SETTLE, clock, metrics)), registry, now }
    }

    /// As a payment service is told to be after a restore.
    pub(super) fn looking_first(self) -> Self {
        let payments = Arc::into_inner(self.payments).unwrap().looking_first(true);
        Self { payments: Arc::new(payments), ..self }
    }

    /// The `attempt`th attempt at charging the order, the gateway answering so.
    pub(super) async fn charge(&self, attempt: u64, answer: Answer<ChargeOutcome>) -> String {
        self.gateway.script().charges.push_back(answer);
        self.handle(&Charge(Arc::clone(&self.payments)), &reserved(), attempt).await
    }

    pub(super) async fn refund(&self, attempt: u64, answer: Answer<gateway::Refund>) -> String {
        self.gateway.script().refunds.push_back(answer);
        let requested = RefundRequested {
            order_id: ORDER,
            customer_id: "c-1".to_owned(),
            charge_id: "ch_1".to_owned(),
            amount: money(),
        };
        self.handle(&Refund(Arc::clone(&self.payments)), &requested, attempt).await
    }

    /// Ten payments that go through: enough to say that the gateway works.
    pub(super) async fn witnesses(&self) {
        for _payment in 0..10 {
            self.refund(1, Ok(gateway::Refund { refund_id: "re_1".to_owned() })).await;
        }
        self.gateway.asked();
    }

    pub(super) fn turn_clock(&self, age: Duration) {
        *self.now.lock().unwrap() = STORED.after(age);
    }

    /// Attempt 0: the first as far as the broker knows, which may have forgotten an earlier one.
    pub(super) async fn handle<D: EventData>(
        &self,
        handler: &impl Handler<Event = PaymentEvent>,
        data: &D,
        attempt: u64,
    ) -> String {
        let message = stored(data, D::VERSION);
        let envelope = RawEnvelope::parse(&message.payload).unwrap();
        let trace = TraceContext::default();
        let (first, repeated) = (attempt == 1, attempt > 1);
        told(handler.handle(&Received { message: &message, envelope, attempt, first, repeated, trace }).await)
    }
}

pub(super) fn money() -> Money {
    Money { amount: 1_250, currency: "EUR".parse().unwrap() }
}

pub(super) fn reserved() -> StockReserved {
    StockReserved {
        order_id: ORDER,
        customer_id: "c-1".to_owned(),
        lines: vec![Quantity { sku: "A".to_owned(), quantity: 1 }],
        total: money(),
        payment_method: "tok_visa".to_owned(),
    }
}

pub(super) fn stored<D: EventData>(data: &D, version: u32) -> Stored {
    let envelope = Envelope {
        id: if D::TYPE == RefundRequested::TYPE { REFUNDED } else { CHARGED },
        kind: Cow::Borrowed(D::TYPE),
        version,
        aggregate_id: Cow::Owned(data.aggregate_id()),
        timestamp: STORED,
        trace_id: TraceId::default(),
        causation_id: Uuid::nil(),
        data,
    };
    Stored {
        sequence: 1,
        timestamp: STORED,
        subject: D::TYPE.to_owned(),
        headers: Headers::new(),
        payload: envelope.to_body().into(),
    }
}

/// An outcome in one line.
pub(super) fn told(outcome: Outcome<PaymentEvent>) -> String {
    match outcome {
        Outcome::Publish(events) => {
            let line = |event| match event {
                PaymentEvent::Captured(PaymentCaptured { order_id, charge_id, amount }) => {
                    assert_eq!(order_id, ORDER);
                    format!("captured {charge_id} {amount}")
                }
                PaymentEvent::Declined(PaymentDeclined { code, amount, .. }) => {
                    format!("declined {code} {amount}")
                }
                PaymentEvent::Refunded(PaymentRefunded {
                    customer_id, charge_id, refund_id, amount, ..
                }) => {
                    format!("refunded {customer_id} {charge_id} {refund_id} {amount}")
                }
            };
            events.into_iter().map(line).collect::<Vec<_>>().join(", ")
        }
        Outcome::Retry(error) => format!("retry: {error}"),
        Outcome::Hold { reason, .. } => format!("hold: {reason}"),
        Outcome::Reject(error) => format!("reject: {error}"),
    }
}
