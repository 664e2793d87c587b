//! V1: no accepted order is lost.

use events::{
    OrderId,
    catalogue::{ORDERS, REQUESTS},
    notifications::Template,
    orders::CancelReason,
};
use uuid::Uuid;

use super::{
    Expectations, assert_green, assert_red, judge, lenient, strict,
    world::{World, charge, euro, lines},
};
use crate::verify::{
    evidence::{Confirmed, Created, DeadLetter, Fact, Place, RefundRequested, Standing, Unreadable},
    report::CheckId::V1,
};

/// The sequence that the next message of a stream will have.
pub(super) fn next_in(world: &World, stream: &str) -> u64 {
    world.drafts.iter().filter(|draft| draft.stream == stream).count() as u64 + 1
}

/// Somebody has given up the message at that place.
pub(super) fn letter(consumer: &str, stream: &str, sequence: u64) -> DeadLetter {
    let (cause, error) = ("rejected".to_owned(), "no good".to_owned());
    let (stream, consumer, standing) = (stream.to_owned(), consumer.to_owned(), Standing::Open);
    DeadLetter { stream, sequence, consumer, cause, error, letter: sequence, standing }
}

#[test]
fn a_request_that_was_passed_over_is_lost() {
    let (mut world, _) = World::busy();
    let order = world.placed();
    let evidence = world.evidence();
    assert_red(&lenient(&evidence), V1, &order.to_string(), "the order's creation, which can no longer come");
    assert_red(
        &strict(&evidence),
        V1,
        &format!("REQUESTS:{}", evidence.streams["REQUESTS"].last),
        "creation",
    );
}

#[test]
fn a_request_that_was_parked_is_a_matter_of_the_dead_letters() {
    let mut world = World::new();
    let sequence = next_in(&world, "REQUESTS");
    world.placed();
    world.letters.push(letter("ORDERS", "REQUESTS", sequence));
    assert_red(
        &strict(&world.evidence()),
        super::CheckId::V6,
        &format!("REQUESTS:{sequence}"),
        "given up by ORDERS",
    );
}

#[test]
fn a_request_that_is_yet_to_be_read_is_open() {
    let mut world = World::new();
    let before = world.evidence();
    let order = world.placed();
    let mut evidence = world.evidence();
    // The journals have come no further than they were before the request.
    for journal in ["ORDERS", "INVENTORY"] {
        evidence.streams.insert(journal.to_owned(), before.streams[journal].clone());
    }
    evidence.audit = super::world::audited(&evidence);
    evidence.stock = before.stock;
    assert_green(&lenient(&evidence));
    assert_red(&strict(&evidence), V1, &order.to_string(), "waits for the order's creation");
}

#[test]
fn what_a_caller_was_told_must_be_there() {
    let (world, orders) = World::busy();
    let expected =
        |accepted: Vec<OrderId>| Expectations { complete: true, accepted, ..Expectations::default() };
    assert_green(&judge(&world.evidence(), &expected(orders.clone())));
    let missing = OrderId(Uuid::from_u128(7));
    let report = judge(&world.evidence(), &expected([orders, vec![missing]].concat()));
    assert_red(&report, V1, &missing.to_string(), "no stream knows it");
}

#[test]
fn an_order_is_created_once() {
    let mut world = World::new();
    let order = world.paid();
    world.create(order);
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "created 2 times");
}

#[test]
fn an_order_comes_from_a_request() {
    let mut world = World::new();
    let order = world.paid();
    world.drafts.retain(|draft| !matches!(draft.fact, Fact::Place(_)));
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "nobody had placed it");
}

#[test]
fn nothing_is_decided_on_an_order_that_does_not_exist() {
    let mut world = World::new();
    let order = world.placed();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "never created");
}

#[test]
fn an_order_is_confirmed_once() {
    let mut world = World::new();
    let order = world.paid();
    let again = world.confirm(order);
    world.notify(order, again, Template::OrderConfirmed);
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "confirmed 2 times");
}

#[test]
fn an_order_is_cancelled_once() {
    let mut world = World::new();
    let order = world.declined();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "cancelled 2 times");
}

#[test]
fn an_order_does_not_end_before_it_begins() {
    let mut world = World::new();
    let order = world.placed();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.create(order);
    world.reject(order);
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "before it was created");
}

#[test]
fn a_cancelled_order_is_not_confirmed_afterwards() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.capture(order);
    let confirmed = world.confirm(order);
    world.commit(order);
    world.notify(order, confirmed, Template::OrderConfirmed);
    world.release(order, true);
    world.refund(order);
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "after it had been cancelled");
}

#[test]
fn every_wish_to_cancel_is_answered() {
    let mut world = World::new();
    let order = world.returned();
    world.wish_cancel(order);
    assert_red(
        &lenient(&world.evidence()),
        V1,
        &order.to_string(),
        "an answer to the wish to cancel, which can no longer",
    );
}

#[test]
fn every_answer_of_stock_and_payment_is_acted_on() {
    type Outcome = fn(&mut World, OrderId);
    let captured: Outcome = |world, order| {
        world.reserve(order);
        world.capture(order);
    };
    let declined: Outcome = |world, order| {
        world.reserve(order);
        world.decline(order);
    };
    let outcomes: [(Outcome, &str); 3] = [
        (World::reject, "for want of stock"),
        (captured, "its confirmation"),
        (declined, "for want of payment"),
    ];
    for (outcome, what) in outcomes {
        let mut world = World::new();
        let order = world.placed();
        world.create(order);
        outcome(&mut world, order);
        assert_red(&lenient(&world.evidence()), V1, &order.to_string(), what);
    }
}

#[test]
fn an_order_that_waits_for_its_payment_is_not_done() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    assert_green(&lenient(&world.evidence()));
    assert_red(
        &strict(&world.evidence()),
        V1,
        &order.to_string(),
        "still open (awaiting_payment); it waits for its payment",
    );
}

#[test]
fn a_request_that_cannot_be_read_must_be_parked() {
    let mut world = World::new();
    let sequence = next_in(&world, "REQUESTS");
    let unreadable = Unreadable { subject: "requests.order.place".to_owned(), error: "not JSON".to_owned() };
    world.push(&REQUESTS, Uuid::nil(), unreadable);
    let place = format!("REQUESTS:{sequence}");
    assert_red(&strict(&world.evidence()), V1, &place, "passed over: not JSON");
    world.letters.push(letter("ORDERS", "REQUESTS", sequence));
    let expected = crate::verify::ExpectedDeadLetters::Count(1);
    assert_green(&judge(
        &world.evidence(),
        &Expectations { dead_letters: expected, ..Expectations::default() },
    ));
}

#[test]
fn other_prices_and_lines_make_no_other_order() {
    let mut world = World::new();
    let order = world.next_order();
    world.push(&REQUESTS, Uuid::nil(), Place { order, total: euro(700), lines: lines() });
    world.push(&ORDERS, Uuid::nil(), Created { order, total: euro(700), lines: lines() });
    world.reserve(order);
    world.take(order, &charge(order), 700);
    world.captured(order, &charge(order), 700);
    let confirmed =
        world.push(&ORDERS, Uuid::nil(), Confirmed { order, total: euro(700), charge: charge(order) });
    world.commit(order);
    world.notify(order, confirmed, Template::OrderConfirmed);
    assert_green(&strict(&world.evidence()));
}

#[test]
fn an_order_is_cancelled_for_the_reason_that_is_told() {
    for (reason, what) in [
        (CancelReason::OutOfStock, "nobody had refused its stock"),
        (CancelReason::UnknownSku, "nobody had refused its stock"),
        (CancelReason::Customer, "nobody had asked for that"),
        (CancelReason::PaymentDeclined, "its payment was not declined"),
    ] {
        let mut world = World::new();
        let order = world.awaiting_payment();
        world.end(order, Uuid::nil(), reason);
        world.release(order, false);
        world.capture(order);
        world.refund(order);
        assert_red(&strict(&world.evidence()), V1, &order.to_string(), what);
    }
}

#[test]
fn an_order_that_was_charged_something_else_is_cancelled() {
    let mut world = World::new();
    let order = world.awaiting_payment();
    world.take(order, &charge(order), 499);
    world.captured(order, &charge(order), 499);
    world.end(order, Uuid::nil(), CancelReason::PaymentDeclined);
    world.release(order, false);
    let wish = RefundRequested { order, charge: charge(order), amount: euro(499) };
    world.push(&ORDERS, Uuid::nil(), wish);
    assert_green(&lenient(&world.evidence()));
}

#[test]
fn an_order_is_created_as_it_was_asked_for() {
    let others: [fn(&mut Created); 2] =
        [|created| created.total = euro(499), |created| created.lines.truncate(1)];
    for tamper in others {
        let mut world = World::new();
        let order = world.placed();
        world.create(order);
        let created = world.find(|draft| matches!(draft.fact, Fact::Created(_)));
        if let Fact::Created(created) = &mut created.fact {
            tamper(created);
        }
        world.reject(order);
        world.end(order, Uuid::nil(), CancelReason::OutOfStock);
        assert_red(&strict(&world.evidence()), V1, &order.to_string(), "something else than was asked for");
    }
}
