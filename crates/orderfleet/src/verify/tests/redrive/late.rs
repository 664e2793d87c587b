//! What was put back so late that its order had ended meanwhile, and requests that only what was put back tells of.

use events::{
    catalogue::{INVENTORY, ORDERS, REQUESTS},
    orders::CancelReason,
    requests::StockChange,
};

use super::*;
use crate::verify::{
    evidence::{Cancel, Rejected},
    report::CheckId::V1,
};

#[test]
fn an_order_that_ended_before_its_confirmation_was_put_back_has_its_stock_freed() {
    let (mut world, _) = World::busy();
    let order = world.awaiting_payment();
    world.capture(order);
    world.give_up_next(INVENTORY.name, ORDERS.name);
    let confirmed = world.confirm(order);
    let fact = world.drafts.last().expect("it was confirmed").fact.clone();
    world.notify(order, confirmed, Template::OrderConfirmed);
    let wish = world.wish_cancel(order);
    world.end(order, wish, CancelReason::Customer);
    world.refund(order);
    let mut kept = world.clone();
    world.release(order, false);
    let sequence = world.letters[0].sequence;
    assert_red(&strict(&world.evidence()), V6, &format!("ORDERS:{sequence}"), "given up by INVENTORY");
    world.put_back(fact.clone());
    world.redriven_up_to = 1;
    assert_green(&strict(&world.evidence()));
    // Nobody is excused who keeps it.
    kept.put_back(fact);
    kept.redriven_up_to = 1;
    assert_red(&strict(&kept.evidence()), V3, &order.to_string(), "which can no longer come");
    // Nor who has not given anything up.
    world.letters.clear();
    world.redriven.clear();
    assert_red(&strict(&world.evidence()), V3, &order.to_string(), "its stock to be booked out");
}

#[test]
fn an_order_that_ended_before_its_creation_was_put_back_gets_nothing() {
    let (mut world, _) = World::busy();
    let order = world.placed();
    world.give_up_next(INVENTORY.name, ORDERS.name);
    world.create(order);
    let fact = world.drafts.last().expect("it was created").fact.clone();
    let wish = world.wish_cancel(order);
    world.end(order, wish, CancelReason::Customer);
    world.put_back(fact);
    world.redriven_up_to = 1;
    let mut wrong = world.clone();
    world.push(&INVENTORY, Uuid::nil(), Rejected { order, short: false });
    assert_green(&strict(&world.evidence()));
    wrong.reserve(order);
    let report = strict(&wrong.evidence());
    let told = report.checks.iter().flat_map(|check| &check.violations).map(|told| told.message.as_str());
    assert!(told.into_iter().any(|told| told.contains("its reserved stock to be freed")), "{report:#?}");
}

#[test]
fn nobody_is_refused_stock_for_nothing() {
    let (mut world, _) = World::busy();
    let order = world.placed();
    world.create(order);
    world.push(&INVENTORY, Uuid::nil(), Rejected { order, short: false });
    let report = lenient(&world.evidence());
    assert!(report.broken().contains(&V3), "{:#?}", report.checks);
}

#[test]
fn a_mended_adjustment_is_made() {
    let (mut world, _) = World::busy();
    let adjustment = Uuid::from_u128(78);
    world.give_up_next(INVENTORY.name, REQUESTS.name);
    let (subject, error) = ("requests.stock.adjust".to_owned(), "no JSON".to_owned());
    world.push(&REQUESTS, Uuid::nil(), Unreadable { subject, error });
    world.put_back(Adjust { adjustment, sku: "C".to_owned(), change: StockChange::By(4) });
    world.redriven_up_to = 1;
    assert_red(&lenient(&world.evidence()), V3, &adjustment.to_string(), "put back and handled without it");
    world.push(&INVENTORY, adjustment, Adjusted { sku: "C".to_owned(), adjustment, delta: 4, on_hand: 4 });
    assert_green(&strict(&world.evidence()));
}

#[test]
fn a_mended_wish_to_cancel_is_answered() {
    let (mut world, _) = World::busy();
    let order = world.paid();
    world.give_up_next(ORDERS.name, REQUESTS.name);
    let (subject, error) = ("requests.order.cancel".to_owned(), "no JSON".to_owned());
    world.push(&REQUESTS, Uuid::nil(), Unreadable { subject, error });
    world.put_back(Cancel { order });
    world.redriven_up_to = 1;
    assert_red(&lenient(&world.evidence()), V1, &order.to_string(), "put back and handled without it");
    world.end(order, Uuid::nil(), CancelReason::Customer);
    world.release(order, true);
    world.refund(order);
    assert_green(&strict(&world.evidence()));
}
