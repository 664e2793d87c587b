//! What operators discard is settled, and excuses nothing else.

use events::{
    catalogue::{INVENTORY, ORDERS, REQUESTS},
    orders::CancelReason,
};
use uuid::Uuid;

use super::{
    World, assert_green, assert_red, lenient, strict,
    world::{PRICE, charge},
};
use crate::verify::{
    evidence::Standing,
    report::CheckId::{V1, V2, V6},
};

impl World {
    fn discard_letter(&mut self) {
        self.letters.last_mut().expect("there is a letter").standing = Standing::Discarded;
    }
}

#[test]
fn a_discarded_letter_leaves_its_order_waiting() {
    let (mut world, _) = World::busy();
    let order = world.placed();
    world.create(order);
    world.give_up_next("payment-charge", INVENTORY.name);
    world.reserve(order);
    world.discard_letter();
    let report = strict(&world.evidence());
    assert_red(&report, V1, &order.to_string(), "still open (awaiting_payment); it waits for its payment");
    assert_eq!((report.summary.redriven, report.summary.discarded), (0, 1));
    // Once it has expired, nobody waits for the payment any more.
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.release(order, false);
    assert_green(&strict(&world.evidence()));
}

#[test]
fn a_discarded_request_is_a_lost_order() {
    let (mut world, _) = World::busy();
    world.give_up_next("ORDERS", REQUESTS.name);
    let order = world.placed();
    world.discard_letter();
    let what = "the order's creation, which can no longer come: its cause was discarded";
    assert_red(&lenient(&world.evidence()), V1, &order.to_string(), what);
}

#[test]
fn a_discarded_refund_is_money_kept() {
    let (mut world, _) = World::busy();
    let order = world.paid();
    let wish = world.wish_cancel(order);
    world.end(order, wish, CancelReason::Customer);
    world.release(order, true);
    world.give_up_next("payment-refund", ORDERS.name);
    world.ask_refund(order);
    world.discard_letter();
    let what = "its refund, which can no longer come: its cause was discarded";
    assert_red(&lenient(&world.evidence()), V2, &order.to_string(), what);
}

#[test]
fn money_taken_for_a_discarded_charge_is_not_forgotten() {
    let (mut world, _) = World::busy();
    let order = world.placed();
    world.create(order);
    world.give_up_next("payment-charge", INVENTORY.name);
    world.reserve(order);
    world.discard_letter();
    world.take(order, &charge(order), PRICE);
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.release(order, false);
    let what = "news of its charge, which can no longer come: its cause was discarded";
    assert_red(&lenient(&world.evidence()), V2, &order.to_string(), what);
}

#[test]
fn a_discarded_notification_is_forgiven() {
    let (mut world, _) = World::busy();
    let order = world.awaiting_payment();
    world.capture(order);
    world.give_up_next("notification-orders", ORDERS.name);
    world.confirm(order);
    world.commit(order);
    assert_red(&strict(&world.evidence()), V6, &format!("ORDERS:{}", world.letters[0].sequence), "given up");
    world.discard_letter();
    assert_green(&strict(&world.evidence()));
}
