//! V2: no customer is charged twice.

use events::{
    OrderId,
    catalogue::{ORDERS, PAYMENTS},
    notifications::Template,
    orders::CancelReason,
};
use gateway_sim::Operation;
use uuid::Uuid;

use super::{
    assert_green, assert_red, lenient, strict,
    world::{PRICE, World, charge, euro},
};
use crate::verify::{
    evidence::{Confirmed, Declined, Fact, RefundRequested, Refunded},
    report::CheckId::V2,
};

fn capture() -> Operation {
    Operation::Capture { payment_method: "tok_visa".to_owned() }
}

/// A paid order, whose payment is then tampered with.
fn tampered(tamper: impl Fn(&mut World, OrderId)) -> (crate::verify::Report, OrderId) {
    let (mut world, _) = World::busy();
    let order = world.paid();
    tamper(&mut world, order);
    (strict(&world.evidence()), order)
}

#[test]
fn the_gateway_books_for_orders_alone() {
    let (mut world, _) = World::busy();
    world.book("no-order", "ch_9", PRICE, capture());
    assert_red(&strict(&world.evidence()), V2, "ch_9", "for what is no order");
}

#[test]
fn money_is_taken_for_reserved_stock_alone() {
    let mut world = World::new();
    let order = world.placed();
    world.create(order);
    world.reject(order);
    world.end(order, Uuid::nil(), CancelReason::OutOfStock);
    world.take(order, "ch_9", PRICE);
    assert_red(&strict(&world.evidence()), V2, "ch_9", "never set aside");
}

#[test]
fn money_of_an_order_that_nobody_knows_is_found_and_not_waited_for() {
    let (mut world, _) = World::busy();
    let known = strict(&world.evidence()).checks[0].examined;
    let forgotten = world.next_order();
    world.take(forgotten, "ch_9", PRICE);
    let report = lenient(&world.evidence());
    assert_red(&report, V2, "ch_9", "never set aside");
    assert!(report.open_orders.is_empty(), "{:?}", report.open_orders);
    assert_eq!(report.checks[0].examined, known, "it is none of the orders of the fleet");
}

#[test]
fn money_is_taken_for_orders_that_were_placed_alone() {
    let (mut world, _) = World::busy();
    let order = world.next_order();
    world.reserve(order);
    world.take(order, "ch_9", PRICE);
    // Other checks find other faults with such an order; the money is a matter of this one.
    let report = strict(&world.evidence());
    let of_money =
        report.checks.iter().filter(|result| result.id == V2).flat_map(|result| &result.violations);
    assert!(of_money.into_iter().any(|violation| violation.message.contains("nobody placed")), "{report:#?}");
}

#[test]
fn an_order_is_charged_once() {
    let (report, order) = tampered(|world, order| world.take(order, "ch_9", PRICE));
    assert_red(&report, V2, &order.to_string(), "charged 2 times");
    assert_red(&report, V2, "ch_9", "charged 2 times");
}

#[test]
fn a_second_charge_counts_even_if_it_went_back() {
    let (report, order) = tampered(|world, order| {
        world.take(order, "ch_9", PRICE);
        world.captured(order, "ch_9", PRICE);
        let wish = RefundRequested { order, charge: "ch_9".to_owned(), amount: euro(PRICE) };
        world.push(&ORDERS, Uuid::nil(), wish);
        world.book(&order.to_string(), "re_9", PRICE, Operation::Refund { charge: "ch_9".to_owned() });
        let back =
            Refunded { order, charge: "ch_9".to_owned(), refund: "re_9".to_owned(), amount: euro(PRICE) };
        let told = world.push(&PAYMENTS, Uuid::nil(), back);
        world.notify(order, told, Template::OrderRefunded);
    });
    assert_red(&report, V2, &order.to_string(), "charged 2 times");
}

#[test]
fn a_charge_has_one_outcome() {
    let (report, order) = tampered(World::decline_again);
    assert_red(&report, V2, &order.to_string(), "both as captured and as declined");
}

#[test]
fn a_declined_charge_took_nothing() {
    let (mut world, _) = World::busy();
    let order = world.declined();
    world.take(order, "ch_9", PRICE);
    assert_red(
        &strict(&world.evidence()),
        V2,
        &order.to_string(),
        "told as declined, but the gateway took the money",
    );
}

#[test]
fn a_confirmed_order_was_charged() {
    let (report, order) = tampered(|world, order| world.ledger.retain(|entry| entry.id != charge(order)));
    assert_red(&report, V2, &order.to_string(), "the gateway knows no such charge");
    assert_red(&report, V2, &charge(order), "told as captured, but not in the gateway's ledger");
}

#[test]
fn a_confirmed_order_was_charged_what_it_costs() {
    let (report, order) = tampered(|world, order| {
        let entry = world.ledger.iter_mut().find(|entry| entry.id == charge(order));
        entry.expect("it was charged").amount = PRICE + 1;
    });
    assert_red(&report, V2, &order.to_string(), "costs 500 EUR, but the gateway took 501 EUR");
    assert_red(&report, V2, &charge(order), "told as captured with 500 EUR, but the gateway booked 501 EUR");
}

#[test]
fn a_currency_is_part_of_the_amount() {
    let (report, order) = tampered(|world, order| {
        let entry = world.ledger.iter_mut().find(|entry| entry.id == charge(order));
        entry.expect("it was charged").currency = "USD".to_owned();
    });
    assert_red(&report, V2, &order.to_string(), "took 500 USD");
}

#[test]
fn an_order_is_confirmed_at_its_price() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    world.take(order, &charge(order), 1);
    world.captured(order, &charge(order), 1);
    let cheap = Confirmed { order, total: euro(1), charge: charge(order) };
    let confirmed = world.push(&ORDERS, Uuid::nil(), cheap);
    world.commit(order);
    world.notify(order, confirmed, Template::OrderConfirmed);
    assert_red(
        &strict(&world.evidence()),
        V2,
        &order.to_string(),
        "costs 500 EUR, but was confirmed as paid with 1 EUR",
    );
}

#[test]
fn a_refund_is_in_the_ledger() {
    let mut world = World::new();
    let order = world.returned();
    world.ledger.retain(|entry| !matches!(entry.operation, Operation::Refund { .. }));
    assert_red(&strict(&world.evidence()), V2, &format!("re_{order}"), "told as refunded, but not in");
}

#[test]
fn a_refund_is_told_as_it_was_booked() {
    let mut world = World::new();
    let order = world.returned();
    let told = world.find(|draft| matches!(draft.fact, Fact::Refunded(_)));
    if let Fact::Refunded(refunded) = &mut told.fact {
        refunded.amount = euro(PRICE - 1);
    }
    assert_red(&strict(&world.evidence()), V2, &format!("re_{order}"), "told as refunded with 499 EUR");
}

#[test]
fn money_goes_back_only_where_it_was_asked_for() {
    let (report, order) = tampered(|world, order| {
        world.give_back(order, PRICE);
        let told = world.refunded(order);
        world.notify(order, told, Template::OrderRefunded);
    });
    assert_red(&report, V2, &format!("re_{order}"), "nobody had asked");
}

#[test]
fn no_more_goes_back_than_was_taken() {
    let mut world = World::new();
    let order = world.returned();
    world.book(&order.to_string(), "re_9", 1, Operation::Refund { charge: charge(order) });
    assert_red(&strict(&world.evidence()), V2, &charge(order), "501 went back of a charge of 500");
}

#[test]
fn no_less_goes_back_than_was_taken() {
    let mut world = World::new();
    let order = world.returned();
    let refund = world.ledger.iter_mut().find(|entry| matches!(entry.operation, Operation::Refund { .. }));
    refund.expect("it was refunded").amount = 100;
    assert_red(&strict(&world.evidence()), V2, &charge(order), "only 100 of 500 went back");
}

#[test]
fn the_money_of_a_confirmed_order_stays() {
    let (report, order) = tampered(World::refund);
    assert_red(&report, V2, &charge(order), "confirmed and its money is given back");
}

#[test]
fn the_money_of_a_cancelled_order_is_asked_back() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.release(order, false);
    world.capture(order);
    assert_red(
        &lenient(&world.evidence()),
        V2,
        &order.to_string(),
        "a refund to be asked for, which can no longer come",
    );
}

#[test]
fn the_money_of_a_cancelled_order_comes_back() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.release(order, false);
    world.capture(order);
    world.ask_refund(order);
    assert_green(&lenient(&world.evidence()));
    assert_red(&strict(&world.evidence()), V2, &order.to_string(), "waits for its refund");
}

#[test]
fn what_the_gateway_did_is_told() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.release(order, false);
    world.take(order, &charge(order), PRICE);
    assert_green(&lenient(&world.evidence()));
    assert_red(&strict(&world.evidence()), V2, &order.to_string(), "waits for news of its charge");
}

impl World {
    /// The charge is told a second time, with the other outcome.
    fn decline_again(&mut self, order: OrderId) {
        self.push(&PAYMENTS, Uuid::nil(), Declined { order });
    }
}
