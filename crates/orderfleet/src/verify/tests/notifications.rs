//! V4: every outcome is told to the customer once.

use events::{catalogue::NOTIFICATIONS, notifications::Template, orders::CancelReason};
use uuid::Uuid;

use super::{
    assert_green, assert_red, lenient, strict,
    world::{Draft, World},
};
use crate::verify::{
    evidence::{Fact, Notified},
    report::CheckId::V4,
};

fn is_notification(draft: &Draft) -> bool {
    matches!(draft.fact, Fact::Notified(_))
}

#[test]
fn an_outcome_is_told_once() {
    let mut world = World::new();
    let order = world.paid();
    let Fact::Notified(told) = world.find(is_notification).fact.clone() else {
        panic!("it is a notification")
    };
    world.notify(order, told.about, Template::OrderConfirmed);
    let report = strict(&world.evidence());
    assert_red(&report, V4, &order.to_string(), "notified 2 times");
    assert_red(&report, V4, "NOTIFICATIONS:2", "notified 2 times");
}

#[test]
fn the_same_event_stored_twice_told_nobody_twice() {
    let mut world = World::new();
    world.paid();
    let copy = world.find(is_notification).clone();
    world.drafts.push(copy);
    assert_green(&strict(&world.evidence()));
}

#[test]
fn an_outcome_is_not_both_told_and_not_told() {
    let mut world = World::new();
    let order = world.paid();
    let copy = world.find(is_notification).clone();
    let Fact::Notified(told) = copy.fact else { panic!("it is a notification") };
    world.push(&NOTIFICATIONS, told.about, Notified { sent: false, ..told });
    assert_red(&strict(&world.evidence()), V4, &order.to_string(), "as told and as not told");
}

#[test]
fn a_notification_is_about_an_outcome() {
    let mut world = World::new();
    let order = world.paid();
    world.notify(order, Uuid::from_u128(9), Template::OrderConfirmed);
    assert_red(&strict(&world.evidence()), V4, &order.to_string(), "which is no outcome of an order");
}

#[test]
fn a_notification_fits_its_outcome() {
    for wrong_order in [false, true] {
        let mut world = World::new();
        let (order, other) = (world.paid(), world.next_order());
        if let Fact::Notified(told) = &mut world.find(is_notification).fact {
            if wrong_order { told.order = other } else { told.template = Template::OrderCancelled }
        }
        let named = if wrong_order { other } else { order };
        assert_red(&strict(&world.evidence()), V4, &named.to_string(), "does not fit");
    }
}

#[test]
fn every_outcome_is_told_in_the_end() {
    let mut world = World::new();
    let order = world.paid();
    world.drafts.retain(|draft| !is_notification(draft));
    assert_green(&lenient(&world.evidence()));
    assert_red(&strict(&world.evidence()), V4, &order.to_string(), "waits for its notification");

    let mut world = World::new();
    let order = world.awaiting_payment();
    world.end(order, Uuid::nil(), CancelReason::Expired);
    world.release(order, false);
    world.capture(order);
    world.ask_refund(order);
    world.give_back(order, super::world::PRICE);
    world.refunded(order);
    assert_red(&strict(&world.evidence()), V4, &order.to_string(), "the notification of its refund");
}
