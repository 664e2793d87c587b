//! What holds of every history: random orders and adjustments, interleaved and repeated.

use std::{collections::BTreeMap, time::Duration};

use events::{
    Envelope, Money, OrderId,
    inventory::InventoryEvent,
    orders::{CancelReason, Line, Quantity},
    requests::StockChange,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const SKUS: [&str; 3] = ["A", "B", "C"];

/// What the order service may say of one order, in the order it says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Created,
    Confirmed,
    Cancelled,
    Returned,
}

const FATES: [&[Fate]; 4] = [
    &[Fate::Created],
    &[Fate::Created, Fate::Confirmed],
    &[Fate::Created, Fate::Cancelled],
    &[Fate::Created, Fate::Confirmed, Fate::Returned],
];

#[derive(Debug, Clone)]
struct Order {
    lines: Vec<(usize, u32)>,
    fate: &'static [Fate],
}

#[derive(Debug, Clone)]
enum Step {
    /// The next thing of an order's fate.
    Next(usize),
    /// Something of an order's past once more.
    Again(usize, usize),
    Adjust(u8, usize, StockChange),
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let lines = prop::collection::vec((0..SKUS.len(), 0_u32..5), 1..4);
    let order = (lines, prop::sample::select(FATES.to_vec())).prop_map(|(lines, fate)| Order { lines, fate });
    prop::collection::vec(order, 1..8)
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let change = prop_oneof![
        (-6_i64..12).prop_map(StockChange::By),
        (0_u64..12).prop_map(StockChange::To),
        any::<i64>().prop_map(StockChange::By),
        any::<u64>().prop_map(StockChange::To),
    ];
    let step = prop_oneof![
        4 => (0_usize..8).prop_map(Step::Next),
        2 => (0_usize..8, 0_usize..3).prop_map(|(order, index)| Step::Again(order, index)),
        2 => (0_u8..16, 0..SKUS.len(), change).prop_map(|(id, sku, change)| Step::Adjust(id, sku, change)),
    ];
    prop::collection::vec((step, 0_u64..2_000_000), 1..80)
}

fn input(number: usize, order: &Order, fate: Fate) -> Input {
    let order_id = OrderId(Uuid::from_u128(number as u128));
    let customer_id = "c".to_owned();
    let total = Money { amount: 1, currency: "EUR".parse().expect("EUR is a currency") };
    let lines = order.lines.iter().map(|&(sku, quantity)| (SKUS[sku].to_owned(), quantity));
    let quantities = lines.clone().map(|(sku, quantity)| Quantity { sku, quantity });
    match fate {
        Fate::Created => Input::Created(OrderCreated {
            order_id,
            customer_id,
            lines: lines.map(|(sku, quantity)| Line { sku, quantity, unit_price: 1 }).collect(),
            total,
            payment_method: "pm".into(),
            fingerprint: "f".into(),
        }),
        Fate::Confirmed => {
            Input::Confirmed(OrderConfirmed { order_id, customer_id, total, charge_id: "ch".into() })
        }
        Fate::Cancelled | Fate::Returned => Input::Cancelled(OrderCancelled {
            order_id,
            customer_id,
            reason: CancelReason::Customer,
            detail: None,
            total,
            returned: if fate == Fate::Returned { quantities.collect() } else { Vec::new() },
        }),
    }
}

/// The inputs that the steps stand for, with their times.
fn inputs(orders: &[Order], steps: &[(Step, u64)]) -> Vec<(Input, Timestamp)> {
    let mut told = vec![0; orders.len()];
    let mut now = Timestamp(1_700_000_000_000_000);
    let mut inputs = Vec::new();
    for (step, pause) in steps {
        now = now.after(Duration::from_micros(*pause));
        let next = match *step {
            Step::Next(number) => orders.get(number).and_then(|order| {
                let fate = *order.fate.get(told[number])?;
                told[number] += 1;
                Some(input(number, order, fate))
            }),
            Step::Again(number, index) => orders.get(number).and_then(|order| {
                let fate = *order.fate[..told[number]].get(index)?;
                Some(input(number, order, fate))
            }),
            Step::Adjust(id, sku, change) => Some(Input::Adjust(AdjustStock {
                adjustment_id: Uuid::from_u128(id.into()),
                sku: SKUS[sku].into(),
                change,
                reason: None,
            })),
        };
        inputs.extend(next.map(|input| (input, now)));
    }
    inputs
}

fn meta(index: usize, at: Timestamp) -> Meta {
    Meta { id: Uuid::from_u128(index as u128), at, trace_id: TraceId::default(), put_back: false }
}

/// The books kept from the events alone.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Book {
    adjusted: i128,
    sold: i128,
    returned: i128,
    reserved: i128,
}

fn keep(books: &mut BTreeMap<String, Book>, event: &InventoryEvent) {
    let mut each = |lines: &[Quantity], entry: fn(&mut Book, i128)| {
        for line in lines {
            entry(books.entry(line.sku.clone()).or_default(), line.quantity.into());
        }
    };
    match event {
        InventoryEvent::Reserved(event) => each(&event.lines, |book, n| book.reserved += n),
        InventoryEvent::Committed(event) => each(&event.lines, |book, n| {
            book.reserved -= n;
            book.sold += n;
        }),
        InventoryEvent::Released(event) if event.returned => each(&event.lines, |book, n| book.returned += n),
        InventoryEvent::Released(event) => each(&event.lines, |book, n| book.reserved -= n),
        InventoryEvent::Adjusted(event) => {
            books.entry(event.sku.clone()).or_default().adjusted += i128::from(event.delta);
        }
        InventoryEvent::Rejected(_) | InventoryEvent::AdjustRefused(_) => {}
    }
}

fn check_books(stock: &Stock, books: &BTreeMap<String, Book>) -> Result<(), TestCaseError> {
    let mut open = BTreeMap::<&str, u64>::new();
    for (_, lines) in stock.reservations() {
        for line in lines {
            *open.entry(&line.sku).or_default() += u64::from(line.quantity);
        }
    }
    for (sku, level) in stock.levels(None) {
        let book = books.get(sku).cloned().unwrap_or_default();
        prop_assert!(level.reserved <= level.on_hand, "{sku}: {level:?}");
        prop_assert_eq!(i128::from(level.on_hand), book.adjusted - book.sold + book.returned);
        prop_assert_eq!(i128::from(level.reserved), book.reserved);
        prop_assert_eq!(level.reserved, open.get(sku).copied().unwrap_or_default());
    }
    Ok(())
}

/// What may be said of one order: one beginning, at most one of each ending, in this order.
fn check_order(said: &[&InventoryEvent]) -> Result<(), TestCaseError> {
    use InventoryEvent::{Committed, Rejected, Released, Reserved};
    let lawful = match said {
        [] | [Reserved(_) | Rejected(_)] | [Reserved(_), Committed(_)] => true,
        [Reserved(_), Released(freed)] => !freed.returned,
        [Reserved(_), Committed(sold), Released(back)] => back.returned && back.lines == sold.lines,
        _ => false,
    };
    prop_assert!(lawful, "{said:?}");
    Ok(())
}

proptest! {
    #[test]
    fn the_books_balance_at_every_prefix(orders in orders(), steps in steps(), cut in 0_usize..80) {
        let decider = InventoryDecider::new(Windows::DEFAULT);
        let (mut stock, mut books, mut history) = (Stock::default(), BTreeMap::new(), Vec::new());
        for (index, (input, at)) in inputs(&orders, &steps).into_iter().enumerate() {
            let meta = meta(index, at);
            let events = decider.decide(&stock, &input, &meta);
            prop_assert_eq!(&events, &decider.decide(&stock, &input, &meta), "deciding is a function");
            for event in events {
                decider.evolve(&mut stock, &event, &meta);
                keep(&mut books, &event);
                history.push((event, meta));
            }
            for later in [Duration::ZERO, Windows::DEFAULT.orders, Windows::DEFAULT.adjustments] {
                let again = Meta { id: Uuid::max(), at: at.after(later), put_back: true, ..meta };
                prop_assert_eq!(decider.decide(&stock, &input, &again), [], "a repetition changes nothing");
            }
            check_books(&stock, &books)?;
        }
        for number in 0..orders.len() {
            let id = OrderId(Uuid::from_u128(number as u128)).to_string();
            let about = |event: &&InventoryEvent| events::StreamEvent::aggregate_id(*event) == id;
            check_order(&history.iter().map(|(event, _)| event).filter(about).collect::<Vec<_>>())?;
        }
        prop_assert_eq!(fold(&decider, &history, cut)?, stock);
    }

    /// The requests are not read that far: there may be repetitions among those that wait.
    #[test]
    fn what_is_put_back_makes_no_adjustment_forgotten(orders in orders(), steps in steps()) {
        let decider = InventoryDecider::new(Windows::DEFAULT);
        let (mut stock, mut last) = (Stock::default(), Timestamp::default());
        let inputs = inputs(&orders, &steps);
        for (index, (input, at)) in inputs.iter().enumerate() {
            for event in decider.decide(&stock, input, &meta(index, *at)) {
                decider.evolve(&mut stock, &event, &meta(index, *at));
            }
            last = *at;
        }
        let put_back = Meta { put_back: true, ..meta(99, last.after(Windows::DEFAULT.adjustments * 2)) };
        for event in decider.decide(&stock, &Input::Adjust(nothing(99)), &put_back) {
            decider.evolve(&mut stock, &event, &put_back);
        }
        for (input, at) in inputs.iter().filter(|(input, _)| matches!(input, Input::Adjust(_))) {
            prop_assert_eq!(decider.decide(&stock, input, &meta(100, *at)), [], "a repetition that is read only now");
        }
    }

    #[test]
    fn memory_of_settled_things_fades(orders in orders(), steps in steps()) {
        let decider = InventoryDecider::new(Windows::DEFAULT);
        let mut stock = Stock::default();
        let mut last = Timestamp::default();
        for (index, (input, at)) in inputs(&orders, &steps).into_iter().enumerate() {
            for event in decider.decide(&stock, &input, &meta(index, at)) {
                decider.evolve(&mut stock, &event, &meta(index, at));
            }
            last = at;
        }
        let later = last.after(Windows::DEFAULT.adjustments).after(Duration::from_secs(1));
        for event in decider.decide(&stock, &Input::Adjust(nothing(99)), &meta(99, later)) {
            decider.evolve(&mut stock, &event, &meta(99, later));
        }
        let snapshot = serde_json::to_value(&stock).expect("a state serialises");
        prop_assert_eq!(snapshot["settled"].as_object().map(serde_json::Map::len), Some(0));
        prop_assert_eq!(snapshot["adjustments"].as_object().map(serde_json::Map::len), Some(1));
    }
}

/// An adjustment that changes no level.
fn nothing(id: u128) -> AdjustStock {
    let (adjustment_id, change) = (Uuid::from_u128(id), StockChange::By(0));
    AdjustStock { adjustment_id, sku: "A".into(), change, reason: None }
}

/// Folds the history, taking a snapshot and starting again from it after `cut` events.
fn fold(
    decider: &InventoryDecider,
    history: &[(InventoryEvent, Meta)],
    cut: usize,
) -> Result<Stock, TestCaseError> {
    let mut stock = Stock::default();
    for (index, (event, meta)) in history.iter().enumerate() {
        if index == cut {
            let restored = restored(&stock);
            prop_assert_eq!(&restored, &stock);
            stock = restored;
        }
        decider.evolve(&mut stock, event, meta);
    }
    Ok(stock)
}

fn restored(stock: &Stock) -> Stock {
    let snapshot = serde_json::to_vec(stock).expect("a state serialises");
    serde_json::from_slice(&snapshot).expect("a snapshot is a state")
}

fn read(kind: &str, version: u32, data: &serde_json::Value) -> Result<Input, DecodeError> {
    let envelope = Envelope {
        id: Uuid::nil(),
        kind: kind.into(),
        version,
        aggregate_id: "A".into(),
        timestamp: Timestamp::default(),
        trace_id: TraceId::default(),
        causation_id: Uuid::nil(),
        data,
    };
    InventoryDecider::new(Windows::DEFAULT).read_input(&RawEnvelope::parse(&envelope.to_body())?)
}

#[test]
fn inputs_are_read_by_type_and_version() {
    let wish =
        AdjustStock { adjustment_id: Uuid::nil(), sku: "A".into(), change: StockChange::By(1), reason: None };
    let data = serde_json::to_value(&wish).expect("a request serialises");
    assert!(matches!(read(AdjustStock::TYPE, 1, &data), Ok(Input::Adjust(read)) if read == wish));
    assert!(matches!(
        read(AdjustStock::TYPE, 2, &data),
        Err(DecodeError::UnknownVersion { kind: AdjustStock::TYPE, version: 2 })
    ));
    assert!(matches!(read(OrderCreated::TYPE, 1, &data), Err(DecodeError::Malformed(_))));
    assert!(
        matches!(read("orders.refund_requested", 1, &data), Err(DecodeError::UnknownType(kind)) if kind == "orders.refund_requested")
    );
}

#[test]
fn time_alone_changes_no_stock() {
    assert_eq!(InventoryDecider::new(Windows::DEFAULT).tick(&Stock::default(), Timestamp(i64::MAX)), []);
}
