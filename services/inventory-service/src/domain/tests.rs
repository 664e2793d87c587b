//! Each rule of stock, by value.

use std::time::Duration;

use events::{
    Money,
    orders::{CancelReason, Line},
    requests::StockChange,
};

use super::*;

const AT: Timestamp = Timestamp(1_700_000_000_000_000);

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn total() -> Money {
    Money { amount: 700, currency: "EUR".parse().expect("EUR is a currency") }
}

fn created(number: u128, lines: &[(&str, u32)]) -> OrderCreated {
    OrderCreated {
        order_id: order(number),
        customer_id: "c-1".into(),
        lines: lines
            .iter()
            .map(|&(sku, quantity)| Line { sku: sku.into(), quantity, unit_price: 100 })
            .collect(),
        total: total(),
        payment_method: "pm_1".into(),
        fingerprint: "f".into(),
    }
}

fn confirmed(number: u128) -> OrderConfirmed {
    OrderConfirmed {
        order_id: order(number),
        customer_id: "c-1".into(),
        total: total(),
        charge_id: "ch_1".into(),
    }
}

fn cancelled(number: u128, returned: &[(&str, u32)]) -> OrderCancelled {
    OrderCancelled {
        order_id: order(number),
        customer_id: "c-1".into(),
        reason: CancelReason::Customer,
        detail: None,
        total: total(),
        returned: quantities(returned),
    }
}

fn quantities(lines: &[(&str, u32)]) -> Vec<Quantity> {
    lines.iter().map(|&(sku, quantity)| Quantity { sku: sku.into(), quantity }).collect()
}

fn wish(id: u128, sku: &str, change: StockChange) -> AdjustStock {
    AdjustStock { adjustment_id: Uuid::from_u128(id), sku: sku.into(), change, reason: None }
}

fn take(stock: &mut Stock, event: Option<InventoryEvent>, at: Timestamp) -> InventoryEvent {
    let event = event.expect("the input has an outcome");
    stock.apply(&event, at, false, Windows::DEFAULT);
    event
}

fn stocked(levels: &[(&str, u64)]) -> Stock {
    let mut stock = Stock::default();
    for (index, &(sku, on_hand)) in levels.iter().enumerate() {
        let event = stock.on_adjust(&wish(1_000 + index as u128, sku, StockChange::To(on_hand)));
        take(&mut stock, event, AT);
    }
    stock
}

fn level(stock: &Stock, sku: &str) -> (u64, u64) {
    let level = stock.level(sku).expect("the SKU is stocked");
    (level.on_hand, level.reserved)
}

#[test]
fn an_order_is_reserved_then_sold() {
    let mut stock = stocked(&[("A", 5), ("B", 2)]);
    let event = stock.on_created(&created(1, &[("A", 3), ("B", 2)]));
    let InventoryEvent::Reserved(reserved) = take(&mut stock, event, AT) else { panic!("not reserved") };
    assert_eq!(reserved.lines, quantities(&[("A", 3), ("B", 2)]));
    assert_eq!((reserved.total, reserved.payment_method.as_str()), (total(), "pm_1"));
    assert_eq!((level(&stock, "A"), level(&stock, "B")), ((5, 3), (2, 2)));

    let event = stock.on_confirmed(&confirmed(1));
    let InventoryEvent::Committed(sold) = take(&mut stock, event, AT) else { panic!("not committed") };
    assert_eq!(sold.lines, reserved.lines);
    assert_eq!((level(&stock, "A"), level(&stock, "B")), ((2, 0), (0, 0)));
    assert_eq!(stock.on_confirmed(&confirmed(1)), None, "sold once");
}

#[test]
fn one_short_line_rejects_the_whole_order_and_names_every_shortage() {
    let mut stock = stocked(&[("A", 5), ("B", 2)]);
    let event = stock.on_created(&created(1, &[("A", 1), ("B", 3), ("C", 4)]));
    let InventoryEvent::Rejected(rejected) = take(&mut stock, event, AT) else { panic!("not rejected") };
    let short = |sku: &str, requested, available| Shortage { sku: sku.into(), requested, available };
    assert_eq!(rejected.shortages, [short("B", 3, Some(2)), short("C", 4, None)]);
    assert_eq!(level(&stock, "A"), (5, 0));
    assert_eq!(stock.on_cancelled(&cancelled(1, &[])), None, "nothing was set aside");
    assert_eq!(stock.on_cancelled(&cancelled(1, &[("A", 1)])), None, "nothing was sold");
    assert_eq!(stock.on_confirmed(&confirmed(1)), None);
}

#[test]
fn lines_of_one_sku_count_together() {
    let stock = stocked(&[("A", 3)]);
    let Some(InventoryEvent::Rejected(rejected)) = stock.on_created(&created(1, &[("A", 2), ("A", 2)]))
    else {
        panic!("not rejected")
    };
    assert_eq!(rejected.shortages, [Shortage { sku: "A".into(), requested: 4, available: Some(3) }]);
}

#[test]
fn an_order_seen_twice_is_reserved_once_whatever_became_of_it() {
    let wanted = created(1, &[("A", 1)]);
    let mut stock = stocked(&[("A", 5)]);
    let event = stock.on_created(&wanted);
    take(&mut stock, event, AT);
    assert_eq!(stock.on_created(&wanted), None, "while it is open");

    let mut sold = stock.clone();
    let event = sold.on_confirmed(&confirmed(1));
    take(&mut sold, event, AT);
    assert_eq!(sold.on_created(&wanted), None, "when it is sold");

    let event = stock.on_cancelled(&cancelled(1, &[]));
    take(&mut stock, event, AT);
    assert_eq!(stock.on_created(&wanted), None, "when it is freed");
}

#[test]
fn a_rejected_order_stays_rejected_when_stock_arrives() {
    let mut stock = stocked(&[("A", 0)]);
    let event = stock.on_created(&created(1, &[("A", 1)]));
    take(&mut stock, event, AT);
    let event = stock.on_adjust(&wish(1, "A", StockChange::To(9)));
    take(&mut stock, event, AT);
    assert_eq!(stock.on_created(&created(1, &[("A", 1)])), None);
}

#[test]
fn a_cancelled_reservation_is_freed_once() {
    let mut stock = stocked(&[("A", 5)]);
    let event = stock.on_created(&created(1, &[("A", 3)]));
    take(&mut stock, event, AT);
    let event = stock.on_cancelled(&cancelled(1, &[]));
    let expected = StockReleased { order_id: order(1), lines: quantities(&[("A", 3)]), returned: false };
    assert_eq!(take(&mut stock, event, AT), expected.into());
    assert_eq!(level(&stock, "A"), (5, 0));
    assert_eq!(stock.on_cancelled(&cancelled(1, &[])), None);
    assert_eq!(stock.on_cancelled(&cancelled(1, &[("A", 3)])), None, "it was never sold");
}

#[test]
fn sold_pieces_come_back_once() {
    let mut stock = stocked(&[("A", 5)]);
    let event = stock.on_created(&created(1, &[("A", 3)]));
    take(&mut stock, event, AT);
    let event = stock.on_confirmed(&confirmed(1));
    take(&mut stock, event, AT);
    let event = stock.on_cancelled(&cancelled(1, &[("A", 3)]));
    let expected = StockReleased { order_id: order(1), lines: quantities(&[("A", 3)]), returned: true };
    assert_eq!(take(&mut stock, event, AT), expected.into());
    assert_eq!(level(&stock, "A"), (5, 0));
    assert_eq!(stock.on_cancelled(&cancelled(1, &[("A", 3)])), None);
}

#[test]
fn sold_pieces_come_back_after_the_sale_is_forgotten() {
    let mut stock = stocked(&[("A", 5)]);
    let event = stock.on_created(&created(1, &[("A", 3)]));
    take(&mut stock, event, AT);
    let event = stock.on_confirmed(&confirmed(1));
    take(&mut stock, event, AT);
    let later = AT.after(Windows::DEFAULT.orders).after(Duration::from_secs(1));
    let event = stock.on_adjust(&wish(1, "A", StockChange::By(0)));
    take(&mut stock, event, later);
    let event = stock.on_cancelled(&cancelled(1, &[("A", 3)]));
    take(&mut stock, event, later);
    assert_eq!(level(&stock, "A"), (5, 0));
    assert_eq!(stock.on_cancelled(&cancelled(1, &[("A", 3)])), None);
}

/// Its creation was given up, its customer or its deadline ended it, and then an operator put its creation back.
#[test]
fn an_order_that_is_put_back_after_its_cancellation_gets_nothing() {
    let mut stock = stocked(&[("A", 5)]);
    let event = stock.on_cancelled(&cancelled(1, &[]));
    take(&mut stock, event, AT);
    let week = AT.after(Duration::from_secs(7 * 24 * 3_600));
    let event = stock.on_adjust(&wish(1, "A", StockChange::By(0)));
    take(&mut stock, event, week);
    assert_eq!(stock.on_created(&created(1, &[("A", 3)])), None);
    assert_eq!(stock.on_cancelled(&cancelled(1, &[])), None, "that is said once");
    let refused = OrderCancelled { reason: CancelReason::OutOfStock, ..cancelled(2, &[]) };
    assert_eq!(stock.on_cancelled(&refused), None, "it was refused, long ago");
}

#[test]
fn adjustments_respect_what_is_set_aside_and_what_fits() {
    let mut stock = stocked(&[("A", 5)]);
    let event = stock.on_created(&created(1, &[("A", 3)]));
    take(&mut stock, event, AT);
    let cases = [
        ("A", StockChange::By(4), Some((4, 9))),
        ("A", StockChange::By(-2), Some((-2, 3))),
        ("A", StockChange::By(-3), None),
        ("A", StockChange::By(i64::MIN), None),
        ("A", StockChange::By(i64::MAX), None),
        ("A", StockChange::By(i64::MAX - 5), Some((i64::MAX - 5, MAX_ON_HAND))),
        ("A", StockChange::To(3), Some((-2, 3))),
        ("A", StockChange::To(2), None),
        ("A", StockChange::To(MAX_ON_HAND), Some((i64::MAX - 5, MAX_ON_HAND))),
        ("A", StockChange::To(MAX_ON_HAND + 1), None),
        ("A", StockChange::To(u64::MAX), None),
        ("new", StockChange::By(7), Some((7, 7))),
        ("new", StockChange::To(0), Some((0, 0))),
        ("new", StockChange::By(-1), None),
    ];
    for (sku, wanted, expected) in cases {
        let outcome = match stock.on_adjust(&wish(1, sku, wanted)) {
            Some(InventoryEvent::Adjusted(made)) => Some((made.delta, made.on_hand)),
            Some(InventoryEvent::AdjustRefused(refused)) => {
                assert_eq!(stock.level(sku).unwrap_or_default().on_hand, refused.on_hand);
                None
            }
            other => panic!("{wanted:?} of {sku} gave {other:?}"),
        };
        assert_eq!(outcome, expected, "{wanted:?} of {sku}");
    }
}

#[test]
fn a_repeated_adjustment_changes_nothing_while_it_is_remembered() {
    let mut stock = stocked(&[("A", 5)]);
    for (id, change) in [(1, StockChange::By(2)), (2, StockChange::By(-100))] {
        let event = stock.on_adjust(&wish(id, "A", change));
        take(&mut stock, event, AT);
        assert_eq!(stock.on_adjust(&wish(id, "A", StockChange::To(50))), None);
    }
    assert_eq!(stock.adjustment(Uuid::from_u128(1)), Some(Adjustment::Made { delta: 2, on_hand: 7 }));
    let refused = Adjustment::Refused { on_hand: 7, reserved: 0 };
    assert_eq!(stock.adjustment(Uuid::from_u128(2)), Some(refused));
    let later = AT.after(Windows::DEFAULT.adjustments).after(Duration::from_secs(1));
    let event = stock.on_adjust(&wish(3, "A", StockChange::By(1)));
    take(&mut stock, event, later);
    assert_eq!(stock.adjustment(Uuid::from_u128(1)), None);
}

/// Requests waited while nobody led, and orders did not: what was decided late is remembered all the same.
#[test]
fn an_adjustment_decided_late_is_made_once() {
    let mut stock = stocked(&[("A", 5)]);
    let tenths = |tenths: u32| AT.after(Windows::DEFAULT.adjustments * tenths / 10);
    let event = stock.on_created(&created(1, &[("A", 1)]));
    take(&mut stock, event, tenths(15));
    let event = stock.on_adjust(&wish(1, "A", StockChange::By(2)));
    take(&mut stock, event, tenths(1));
    let made = Some(Adjustment::Made { delta: 2, on_hand: 7 });
    assert_eq!(stock.adjustment(Uuid::from_u128(1)), made, "its caller can hear the outcome");
    // Asked for again: beyond what the broker remembers, well within what is promised.
    assert_eq!(stock.on_adjust(&wish(1, "A", StockChange::By(2))), None);
    for (id, at) in [(2, tenths(10)), (3, tenths(20))] {
        let event = stock.on_created(&created(id, &[("A", 1)]));
        take(&mut stock, event, tenths(30));
        let event = stock.on_adjust(&wish(id, "A", StockChange::By(1)));
        take(&mut stock, event, at);
        assert_eq!(stock.on_adjust(&wish(1, "A", StockChange::By(2))), None, "asked for again at {at}");
    }
}

/// Its caller was told to ask again, and does so when the people are back who know what to do.
#[test]
fn an_adjustment_asked_for_again_the_next_morning_is_made_once() {
    let mut stock = stocked(&[("A", 5)]);
    let hours = |hours: u64| AT.after(Duration::from_secs(hours * 3_600));
    for (id, at) in [(1, hours(0)), (2, hours(1)), (3, hours(23))] {
        let event = stock.on_adjust(&wish(id, "A", StockChange::By(2)));
        take(&mut stock, event, at);
        assert_eq!(stock.on_adjust(&wish(1, "A", StockChange::By(2))), None, "asked for again at {at}");
    }
}

#[test]
fn an_adjustment_answers_the_wish_it_came_from_and_no_other() {
    let made = Adjustment::Made { delta: 5, on_hand: 12 };
    let refused = Adjustment::Refused { on_hand: 5, reserved: 3 };
    let table = [
        (made, StockChange::By(5), true),
        (made, StockChange::To(12), true),
        (made, StockChange::By(12), false),
        (made, StockChange::To(5), false),
        (refused, StockChange::By(-3), true),
        (refused, StockChange::To(2), true),
        (refused, StockChange::By(-2), false),
        (refused, StockChange::To(3), false),
    ];
    for (adjustment, change, answers) in table {
        assert_eq!(adjustment.answers(change), answers, "{adjustment:?} {change:?}");
    }
}

#[test]
fn levels_are_told_in_order_from_anywhere() {
    let stock = stocked(&[("C", 3), ("A", 1), ("B", 2), ("a", 4)]);
    let skus = |after| stock.levels(after).map(|(sku, _)| sku).collect::<Vec<_>>();
    assert_eq!(skus(None), ["A", "B", "C", "a"]);
    assert_eq!(skus(Some("A")), ["B", "C", "a"]);
    assert_eq!(skus(Some("AA")), ["B", "C", "a"], "the SKU itself need not exist");
    assert_eq!(skus(Some("a")), [""; 0]);
}

#[test]
fn the_counts_follow_what_was_decided() {
    let mut stock = stocked(&[("A", 3), ("B", 1)]);
    for order in [created(1, &[("A", 2)]), created(2, &[("A", 2)]), created(3, &[("nothing", 1)])] {
        let event = stock.on_created(&order);
        take(&mut stock, event, AT);
    }
    let event = stock.on_adjust(&wish(1, "A", StockChange::To(1)));
    take(&mut stock, event, AT);
    let tally = Tally { rejected: 2, adjusted: 2, adjust_refused: 1 };
    assert_eq!(stock.counts(), Counts { skus: 2, reservations: 1, tally });
}
