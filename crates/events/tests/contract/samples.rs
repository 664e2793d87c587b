//! One value of every event type, from one order's life: what the golden files hold.

use events::{
    Envelope, EventData, Money, OrderId, RawEnvelope, Timestamp, TraceId,
    dead_letters::{LetterDiscarded, LetterRedriven},
    inventory::{
        AdjustRefused, Shortage, StockAdjusted, StockCommitted, StockRejected, StockReleased, StockReserved,
    },
    notifications::{NotificationFailed, NotificationSent, Template},
    orders::{
        CancelReason, CancelRefusal, CancelRefused, Line, OrderCancelled, OrderConfirmed, OrderCreated,
        Quantity, RefundRequested,
    },
    payments::{PaymentCaptured, PaymentDeclined, PaymentRefunded},
    requests::{AdjustStock, CancelOrder, PlaceOrder, StockChange},
};
use uuid::{Uuid, uuid};

/// A value of one type and version, in its envelope.
pub(crate) struct Sample {
    pub(crate) kind: &'static str,
    pub(crate) version: u32,
    /// The body as it is on the wire.
    pub(crate) body: Vec<u8>,
    /// Whether an envelope's payload reads back as the value.
    pub(crate) reads_back: Box<dyn Fn(&RawEnvelope<'_>) -> bool>,
}

const ORDER: OrderId = OrderId(uuid!("0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70"));
const ADJUSTMENT: Uuid = uuid!("0198c0de-0001-7d2a-8c11-5e9b3a7f2d46");
const TRACE: TraceId = TraceId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
const START: Timestamp = Timestamp(1_767_225_600_000_000);

fn sample<D: EventData + PartialEq + 'static>(number: u32, data: D) -> Sample {
    let envelope = Envelope {
        id: events::ids::derive(&["sample", D::TYPE]),
        kind: D::TYPE.into(),
        version: D::VERSION,
        aggregate_id: data.aggregate_id().into(),
        timestamp: Timestamp(START.0 + i64::from(number) * 1_250_007),
        trace_id: TRACE,
        causation_id: events::ids::derive(&["sample", "the cause of", D::TYPE]),
        data: &data,
    };
    let body = envelope.to_body();
    let reads_back =
        Box::new(move |raw: &RawEnvelope<'_>| raw.decode_as::<D>().is_ok_and(|read| read == data));
    Sample { kind: D::TYPE, version: D::VERSION, body, reads_back }
}

/// Every type in its version of today.
pub(crate) fn samples() -> Vec<Sample> {
    [requests(), orders(), inventory(), payments(), notifications(), dead_letters()]
        .into_iter()
        .flatten()
        .collect()
}

fn customer() -> String {
    "c-1001".into()
}

fn total() -> Money {
    Money { amount: 4_497, currency: "EUR".parse().expect("EUR is a currency") }
}

fn lines() -> Vec<Line> {
    vec![
        Line { sku: "LAMP-BLUE".into(), quantity: 2, unit_price: 1_999 },
        Line { sku: "BULB-E27".into(), quantity: 1, unit_price: 499 },
    ]
}

fn quantities() -> Vec<Quantity> {
    lines().iter().map(Quantity::from).collect()
}

fn payment_method() -> String {
    "pm_card_visa".into()
}

fn fingerprint() -> String {
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into()
}

fn charge() -> String {
    "ch_7Qm2".into()
}

fn requests() -> Vec<Sample> {
    let place = PlaceOrder {
        order_id: ORDER,
        customer_id: customer(),
        lines: lines(),
        total: total(),
        payment_method: payment_method(),
        fingerprint: fingerprint(),
    };
    let cancel = CancelOrder { order_id: ORDER, reason: Some("ordered by mistake".into()) };
    let adjust = AdjustStock {
        adjustment_id: ADJUSTMENT,
        sku: "LAMP-BLUE".into(),
        change: StockChange::By(12),
        reason: Some("delivery 4711".into()),
    };
    vec![sample(0, place), sample(1, cancel), sample(2, adjust)]
}

fn orders() -> Vec<Sample> {
    let created = OrderCreated {
        order_id: ORDER,
        customer_id: customer(),
        lines: lines(),
        total: total(),
        payment_method: payment_method(),
        fingerprint: fingerprint(),
    };
    let confirmed =
        OrderConfirmed { order_id: ORDER, customer_id: customer(), total: total(), charge_id: charge() };
    let cancelled = OrderCancelled {
        order_id: ORDER,
        customer_id: customer(),
        reason: CancelReason::Customer,
        detail: Some("ordered by mistake".into()),
        total: total(),
        returned: quantities(),
    };
    let refund =
        RefundRequested { order_id: ORDER, customer_id: customer(), charge_id: charge(), amount: total() };
    let refused = CancelRefused { order_id: ORDER, reason: CancelRefusal::TooLate };
    vec![
        sample(3, created),
        sample(4, confirmed),
        sample(5, cancelled),
        sample(6, refund),
        sample(7, refused),
    ]
}

fn inventory() -> Vec<Sample> {
    let reserved = StockReserved {
        order_id: ORDER,
        customer_id: customer(),
        lines: quantities(),
        total: total(),
        payment_method: payment_method(),
    };
    let rejected = StockRejected {
        order_id: ORDER,
        shortages: vec![
            Shortage { sku: "LAMP-BLUE".into(), requested: 2, available: Some(1) },
            Shortage { sku: "BULB-E27".into(), requested: 1, available: None },
        ],
    };
    let committed = StockCommitted { order_id: ORDER, lines: quantities() };
    let released = StockReleased { order_id: ORDER, lines: quantities(), returned: true };
    let adjusted = StockAdjusted {
        sku: "LAMP-BLUE".into(),
        adjustment_id: ADJUSTMENT,
        delta: 12,
        on_hand: 40,
        reason: Some("delivery 4711".into()),
    };
    let refused =
        AdjustRefused { sku: "LAMP-BLUE".into(), adjustment_id: ADJUSTMENT, on_hand: 40, reserved: 7 };
    vec![
        sample(8, reserved),
        sample(9, rejected),
        sample(10, committed),
        sample(11, released),
        sample(12, adjusted),
        sample(13, refused),
    ]
}

fn payments() -> Vec<Sample> {
    let captured = PaymentCaptured { order_id: ORDER, charge_id: charge(), amount: total() };
    let declined = PaymentDeclined { order_id: ORDER, code: "insufficient_funds".into(), amount: total() };
    let refunded = PaymentRefunded {
        order_id: ORDER,
        customer_id: customer(),
        charge_id: charge(),
        refund_id: "re_3Xk9".into(),
        amount: total(),
    };
    vec![sample(14, captured), sample(15, declined), sample(16, refunded)]
}

fn notifications() -> Vec<Sample> {
    let about = events::ids::derive(&["sample", OrderConfirmed::TYPE]);
    let sent = NotificationSent {
        order_id: ORDER,
        customer_id: customer(),
        template: Template::OrderConfirmed,
        channel: "log".into(),
        about,
    };
    let failed = NotificationFailed {
        order_id: ORDER,
        customer_id: customer(),
        template: Template::OrderConfirmed,
        channel: "log".into(),
        about,
        error: "mailbox unknown".into(),
    };
    vec![sample(17, sent), sample(18, failed)]
}

fn dead_letters() -> Vec<Sample> {
    let redriven = LetterRedriven {
        letter: 7,
        consumer: "payment-charge".into(),
        cause: "exhausted".into(),
        about: ORDER.to_string(),
        order_id: Some(ORDER),
        operator: "alice".into(),
        reason: Some("the gateway is mended".into()),
        redrive: 3,
        edited: false,
    };
    let discarded = LetterDiscarded {
        letter: 8,
        consumer: "ORDERS".into(),
        cause: "undecodable".into(),
        about: "REQUESTS:4711".into(),
        order_id: Some(ORDER),
        operator: "alice".into(),
        reason: "sent by a load test".into(),
    };
    vec![sample(19, redriven), sample(20, discarded)]
}
