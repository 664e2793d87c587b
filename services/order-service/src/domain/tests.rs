//! Each rule of an order's life, by value.

use events::orders::Line;
use uuid::Uuid;

use super::*;

const START: Timestamp = Timestamp(1_700_000_000_000_000);
const TRACE: TraceId = TraceId([7; 16]);
const WINDOWS: Windows = Windows::DEFAULT;

fn id() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".parse().expect("EUR is a currency") }
}

fn later(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

fn place() -> PlaceOrder {
    PlaceOrder {
        order_id: id(),
        customer_id: "c-1".into(),
        lines: vec![Line { sku: "A".into(), quantity: 2, unit_price: 350 }],
        total: euros(700),
        payment_method: "pm_1".into(),
        fingerprint: "f".into(),
    }
}

fn sold() -> Vec<Quantity> {
    vec![Quantity { sku: "A".into(), quantity: 2 }]
}

fn cancel() -> CancelOrder {
    CancelOrder { order_id: id(), reason: Some("changed my mind".into()) }
}

fn captured(charge: &str, amount: i64) -> PaymentCaptured {
    PaymentCaptured { order_id: id(), charge_id: charge.into(), amount: euros(amount) }
}

fn declined() -> PaymentDeclined {
    PaymentDeclined { order_id: id(), code: "insufficient_funds".into(), amount: euros(700) }
}

fn rejected(shortages: &[(&str, u32, Option<u64>)]) -> StockRejected {
    let shortage = |&(sku, requested, available): &(&str, u32, Option<u64>)| Shortage {
        sku: sku.into(),
        requested,
        available,
    };
    StockRejected { order_id: id(), shortages: shortages.iter().map(shortage).collect() }
}

fn confirmation(charge: &str) -> OrderEvent {
    OrderConfirmed { order_id: id(), customer_id: "c-1".into(), total: euros(700), charge_id: charge.into() }
        .into()
}

fn cancellation(reason: CancelReason, detail: Option<&str>, returned: Vec<Quantity>) -> OrderEvent {
    OrderCancelled {
        order_id: id(),
        customer_id: "c-1".into(),
        reason,
        detail: detail.map(str::to_owned),
        total: euros(700),
        returned,
    }
    .into()
}

fn refund(charge: &str, amount: i64) -> OrderEvent {
    RefundRequested {
        order_id: id(),
        customer_id: "c-1".into(),
        charge_id: charge.into(),
        amount: euros(amount),
    }
    .into()
}

fn refusal(reason: CancelRefusal) -> OrderEvent {
    CancelRefused { order_id: id(), reason }.into()
}

/// Takes the events in, and gives them back to be looked at.
fn take(orders: &mut Orders, at: Timestamp, events: Vec<OrderEvent>) -> Vec<OrderEvent> {
    for event in &events {
        orders.apply(event, at, false, TRACE, WINDOWS);
    }
    events
}

fn awaiting() -> Orders {
    let mut orders = Orders::default();
    let events = orders.on_place(&place());
    take(&mut orders, START, events);
    orders
}

fn confirmed() -> Orders {
    let mut orders = awaiting();
    let events = orders.on_captured(&captured("ch_1", 700));
    assert_eq!(take(&mut orders, later(1), events), [confirmation("ch_1")]);
    orders
}

fn cancelled_while_awaiting() -> Orders {
    let mut orders = awaiting();
    let events = orders.on_cancel(&cancel(), later(1), WINDOWS);
    let expected = cancellation(CancelReason::Customer, Some("changed my mind"), Vec::new());
    assert_eq!(take(&mut orders, later(1), events), [expected]);
    orders
}

/// Pushes the orders' idea of time forward by an order that has nothing to do with the others.
fn pass(orders: &mut Orders, at: Timestamp) {
    let other = PlaceOrder { order_id: OrderId(Uuid::from_u128(at.0.unsigned_abs().into())), ..place() };
    let events = orders.on_place(&other);
    take(orders, at, events);
}

#[test]
fn an_order_is_created_once() {
    let orders = awaiting();
    let order = orders.get(id()).expect("it was created");
    assert_eq!((order.trace_id, order.due), (TRACE, START.after(WINDOWS.deadline)));
    assert_eq!(order.stage, Stage::Awaiting { lines: sold() });
    assert_eq!(orders.on_place(&place()), []);
    assert_eq!(confirmed().on_place(&place()), []);
    assert_eq!(cancelled_while_awaiting().on_place(&place()), []);
}

#[test]
fn a_paid_order_is_confirmed_once() {
    let orders = confirmed();
    assert_eq!(orders.on_captured(&captured("ch_1", 700)), []);
    assert_eq!(orders.on_declined(&declined()), []);
    assert_eq!(orders.on_rejected(&rejected(&[])), []);
}

#[test]
fn a_second_charge_goes_back_once() {
    let mut orders = confirmed();
    let events = orders.on_captured(&captured("ch_2", 700));
    assert_eq!(take(&mut orders, later(2), events), [refund("ch_2", 700)]);
    assert_eq!(orders.on_captured(&captured("ch_2", 700)), []);
    let events = orders.on_cancel(&cancel(), later(3), WINDOWS);
    take(&mut orders, later(3), events);
    assert_eq!(orders.on_captured(&captured("ch_2", 700)), [], "also after the order was cancelled");
    assert_eq!(orders.on_captured(&captured("ch_1", 700)), []);
}

#[test]
fn a_wrong_amount_confirms_nothing_and_goes_back() {
    let mut orders = awaiting();
    let events = orders.on_captured(&captured("ch_1", 699));
    let detail = Some("charged 699 EUR instead of 700 EUR");
    let expected = [cancellation(CancelReason::PaymentDeclined, detail, Vec::new()), refund("ch_1", 699)];
    assert_eq!(take(&mut orders, later(1), events), expected);
    assert_eq!(orders.on_captured(&captured("ch_1", 699)), []);
}

#[test]
fn a_decline_cancels() {
    let mut orders = awaiting();
    let events = orders.on_declined(&declined());
    let expected = cancellation(CancelReason::PaymentDeclined, Some("insufficient_funds"), Vec::new());
    assert_eq!(take(&mut orders, later(1), events), [expected]);
    assert_eq!(orders.on_declined(&declined()), []);
}

#[test]
fn a_shortage_cancels_and_says_of_what() {
    let cases = [
        (vec![("A", 2, Some(1))], CancelReason::OutOfStock, "A: 2 wanted, 1 free"),
        (
            vec![("A", 2, Some(1)), ("B", 1, None)],
            CancelReason::UnknownSku,
            "A: 2 wanted, 1 free; B: unknown",
        ),
    ];
    for (shortages, reason, detail) in cases {
        let mut orders = awaiting();
        let events = orders.on_rejected(&rejected(&shortages));
        let expected = cancellation(reason, Some(detail), Vec::new());
        assert_eq!(take(&mut orders, later(1), events), [expected]);
        assert_eq!(orders.on_rejected(&rejected(&shortages)), []);
    }
}

#[test]
fn a_confirmed_order_can_be_cancelled_within_its_window() {
    let mut orders = confirmed();
    let last_moment = later(1).after(WINDOWS.cancel);
    let events = orders.on_cancel(&cancel(), last_moment, WINDOWS);
    let expected =
        [cancellation(CancelReason::Customer, Some("changed my mind"), sold()), refund("ch_1", 700)];
    assert_eq!(take(&mut orders, last_moment, events), expected);
    assert_eq!(orders.on_captured(&captured("ch_1", 700)), []);

    let too_late = last_moment.after(Duration::from_micros(1));
    assert_eq!(confirmed().on_cancel(&cancel(), too_late, WINDOWS), [refusal(CancelRefusal::TooLate)]);
}

#[test]
fn what_is_cancelled_or_unknown_cannot_be_cancelled() {
    let refused = |orders: &Orders| orders.on_cancel(&cancel(), later(2), WINDOWS);
    assert_eq!(refused(&cancelled_while_awaiting()), [refusal(CancelRefusal::AlreadyCancelled)]);
    assert_eq!(refused(&Orders::default()), [refusal(CancelRefusal::NotOpen)]);
}

#[test]
fn a_late_capture_goes_back_however_late() {
    let mut orders = cancelled_while_awaiting();
    assert_eq!(orders.on_declined(&declined()), []);
    pass(&mut orders, later(1).after(WINDOWS.late_payment));
    let events = orders.on_captured(&captured("ch_1", 700));
    let at = later(2).after(WINDOWS.late_payment);
    assert_eq!(take(&mut orders, at, events), [refund("ch_1", 700)]);
    assert_eq!(orders.on_captured(&captured("ch_1", 700)), []);
    pass(&mut orders, at.after(WINDOWS.repeat).after(Duration::from_secs(1)));
    assert_eq!(orders.get(id()), None, "nothing is outstanding any more");
}

#[test]
fn orders_expire_oldest_deadline_first_and_not_all_at_once() {
    let mut orders = Orders::default();
    for number in 0..5_u64 {
        let wish = PlaceOrder { order_id: OrderId(Uuid::from_u128(u128::from(9 - number))), ..place() };
        let events = orders.on_place(&wish);
        take(&mut orders, later(number), events);
    }
    let deadline = START.after(WINDOWS.deadline);
    assert_eq!(orders.expire(Timestamp(deadline.0 - 1), 2), []);
    let expired = orders.expire(deadline.after(Duration::from_secs(3)), 2);
    let of = |number: u128| {
        let order_id = OrderId(Uuid::from_u128(number));
        let (customer_id, total) = ("c-1".to_owned(), euros(700));
        let (reason, detail, returned) = (CancelReason::Expired, None, Vec::new());
        let cancelled = OrderCancelled { order_id, customer_id, reason, detail, total, returned };
        (OrderEvent::from(cancelled), TRACE)
    };
    assert_eq!(expired, [of(9), of(8)]);
    for (event, trace) in expired {
        orders.apply(&event, deadline, false, trace, WINDOWS);
    }
    assert_eq!(orders.expire(deadline.after(Duration::from_secs(3)), 9), [of(7), of(6)]);
}

#[test]
fn settled_orders_are_forgotten_after_their_window() {
    let mut declined_order = awaiting();
    let events = declined_order.on_declined(&declined());
    take(&mut declined_order, later(1), events);
    let mut refunded = cancelled_while_awaiting();
    let events = refunded.on_captured(&captured("ch_1", 700));
    take(&mut refunded, later(1), events);
    for mut orders in [confirmed(), declined_order, refunded] {
        pass(&mut orders, later(1).after(WINDOWS.repeat));
        assert!(orders.get(id()).is_some(), "its window has not quite passed");
        pass(&mut orders, later(2).after(WINDOWS.repeat));
        assert_eq!(orders.get(id()), None);
        assert_eq!(orders.on_captured(&captured("ch_1", 700)), []);
        assert_eq!(orders.counts(), Counts { awaiting: 2, settled: 0 });
    }
}

/// The order is confirmed, and another one, with this id, is accepted after it.
fn confirmed_before(other: OrderId) -> Orders {
    let mut orders = confirmed();
    let events = orders.on_place(&PlaceOrder { order_id: other, ..place() });
    take(&mut orders, later(2), events);
    orders
}

/// The leader was away while payments and requests waited. It reads the payments first.
#[test]
fn an_order_that_was_confirmed_late_can_be_cancelled_in_its_window() {
    let other = OrderId(Uuid::from_u128(77));
    let mut orders = confirmed_before(other);
    let events = orders.on_captured(&PaymentCaptured { order_id: other, ..captured("ch_2", 700) });
    take(&mut orders, later(3_600), events);
    // This request was accepted a minute after the order was confirmed.
    let events = orders.on_cancel(&cancel(), later(61), WINDOWS);
    let expected =
        [cancellation(CancelReason::Customer, Some("changed my mind"), sold()), refund("ch_1", 700)];
    assert_eq!(events, expected);
}

/// A leader's clock that runs ahead expires orders early, and no more than that.
#[test]
fn an_expiry_in_the_future_makes_nobody_forgotten() {
    let mut orders = confirmed_before(OrderId(Uuid::from_u128(77)));
    let ahead = later(2).after(WINDOWS.deadline);
    for (event, trace) in orders.expire(ahead, 9) {
        orders.apply(&event, ahead, false, trace, WINDOWS);
    }
    assert!(orders.get(id()).is_some(), "its window has not passed");
}

/// What was put back an hour later is decided on while the requests of that hour wait to be read.
#[test]
fn what_is_put_back_makes_nobody_forgotten() {
    let mut orders = confirmed();
    let other = OrderId(Uuid::from_u128(77));
    let now = later(3_600);
    for event in orders.on_place(&PlaceOrder { order_id: other, ..place() }) {
        orders.apply(&event, now, true, TRACE, WINDOWS);
    }
    for event in orders.on_cancel(&CancelOrder { order_id: OrderId(Uuid::nil()), reason: None }, now, WINDOWS)
    {
        orders.apply(&event, now, true, TRACE, WINDOWS);
    }
    assert_eq!(orders.on_place(&place()), [], "asked for again in time, and read only now");
    pass(&mut orders, later(2).after(WINDOWS.repeat));
    assert_eq!(orders.get(id()), None, "the requests are that far");
    assert!(orders.get(other).is_some());
}
