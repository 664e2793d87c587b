//! What operators put back is settled once it is handled, and handled once.

mod late;

use events::{
    OrderId,
    catalogue::{INVENTORY, ORDERS, REQUESTS},
    notifications::Template,
};
use messaging::topology::REDRIVE;
use uuid::Uuid;

use super::{
    World, assert_green, assert_red, lenient,
    orders::{letter, next_in},
    strict,
    world::{PRICE, euro, lines},
};
use crate::verify::{
    evidence::{Adjust, Adjusted, Fact, Place, Recorded, Redriven, Standing, Unreadable},
    report::CheckId::{LOG, V1, V2, V3, V4, V6},
};

impl World {
    /// A consumer has given up the next message of a stream, which is about to come.
    pub(super) fn give_up_next(&mut self, consumer: &str, stream: &str) {
        let letter = letter(consumer, stream, next_in(self, stream));
        self.letters.push(letter);
    }

    /// The last letter is put back; what it says is `fact`.
    fn put_back(&mut self, fact: impl Into<Fact>) -> u64 {
        let sequence = self.redriven.len() as u64 + 1;
        let letter = self.letters.last_mut().expect("there is a letter");
        letter.standing = Standing::Redriven(vec![sequence]);
        let message = Recorded {
            sequence,
            at: events::Timestamp(1),
            id: Uuid::from_u128(sequence.into()),
            cause: Uuid::nil(),
            epoch: None,
            reached: None,
            body: 0,
            fact: fact.into(),
        };
        let (consumer, letter) = (letter.consumer.clone(), letter.letter);
        self.redriven.push(Redriven { message, consumer, letter });
        sequence
    }

    /// An order whose charge was given up and put back.
    fn charge_put_back(&mut self) -> OrderId {
        let order = self.placed();
        self.create(order);
        self.give_up_next("payment-charge", INVENTORY.name);
        self.reserve(order);
        let fact = self.drafts.last().expect("it was reserved").fact.clone();
        self.put_back(fact);
        order
    }

    fn pay(&mut self, order: OrderId) {
        self.capture(order);
        let confirmed = self.confirm(order);
        self.commit(order);
        self.notify(order, confirmed, Template::OrderConfirmed);
    }

    /// A request to place an order that nobody can read was given up.
    fn unreadable_request(&mut self) {
        self.give_up_next("ORDERS", REQUESTS.name);
        let (subject, error) = ("requests.order.place".to_owned(), "no JSON".to_owned());
        self.push(&REQUESTS, Uuid::nil(), Unreadable { subject, error });
    }
}

fn place(order: OrderId) -> Place {
    Place { order, total: euro(PRICE), lines: lines() }
}

#[test]
fn what_was_put_back_and_handled_is_settled() {
    let (mut world, _) = World::busy();
    let order = world.charge_put_back();
    world.pay(order);
    world.redriven_up_to = 1;
    let report = strict(&world.evidence());
    assert_green(&report);
    assert!(report.settled, "nothing is open");
    assert_eq!((report.summary.dead_letters, report.summary.redriven, report.summary.discarded), (1, 1, 0));
}

#[test]
fn what_was_put_back_and_nobody_has_handled_is_under_way() {
    let (mut world, _) = World::busy();
    let order = world.charge_put_back();
    let report = lenient(&world.evidence());
    assert_green(&report);
    assert!(!report.settled, "its consumer has not handled it");
    let report = strict(&world.evidence());
    assert_eq!(report.broken(), [V1, V6]);
    let [told] = report.checks[5].violations.as_slice() else { panic!("{:#?}", report.checks[5]) };
    assert_eq!(told.message, "what was put back waits for its consumer");
    assert!(told.ids.contains(&format!("{REDRIVE}:1")), "{told:?}");
    assert!(report.checks[0].violations[0].ids.contains(&order.to_string()));
}

#[test]
fn what_was_put_back_is_open_although_its_order_waits_for_nothing() {
    let (mut world, _) = World::busy();
    let order = world.charge_put_back();
    world.pay(order);
    assert_red(&strict(&world.evidence()), V6, "REDRIVE:1", "what was put back waits for its consumer");
}

#[test]
fn what_was_put_back_and_came_to_nothing_is_lost() {
    let (mut world, _) = World::busy();
    world.charge_put_back();
    world.redriven_up_to = 1;
    let reserved = world.letters[0].sequence;
    let what = "its payment, which can no longer come: its cause was put back and handled without it";
    assert_red(&lenient(&world.evidence()), V2, &format!("INVENTORY:{reserved}"), what);
}

#[test]
fn what_was_given_up_again_is_one_open_letter() {
    let (mut world, _) = World::busy();
    world.charge_put_back();
    world.letters.push(letter("payment-charge", REDRIVE, 1));
    world.redriven_up_to = 1;
    let report = strict(&world.evidence());
    assert_red(&report, V6, "REDRIVE:1", "given up by payment-charge");
    assert_eq!(report.checks[5].violations.len(), 1, "{:#?}", report.checks[5]);
    assert!(report.settled, "an operator's decision is not waited for");
}

#[test]
fn a_charge_that_was_put_back_is_charged_once() {
    let (mut world, _) = World::busy();
    let order = world.charge_put_back();
    world.pay(order);
    world.take(order, "ch_again", PRICE);
    world.captured(order, "ch_again", PRICE);
    world.redriven_up_to = 1;
    let report = lenient(&world.evidence());
    assert_red(&report, V2, &order.to_string(), "the customer was charged 2 times");
}

#[test]
fn a_notification_that_was_put_back_is_sent_once() {
    let (mut world, _) = World::busy();
    let order = world.awaiting_payment();
    world.capture(order);
    world.give_up_next("notification-orders", ORDERS.name);
    let confirmed = world.confirm(order);
    let fact = world.drafts.last().expect("it was confirmed").fact.clone();
    world.put_back(fact);
    world.commit(order);
    world.redriven_up_to = 1;
    world.notify(order, confirmed, Template::OrderConfirmed);
    assert_green(&strict(&world.evidence()));
    world.notify(order, confirmed, Template::OrderConfirmed);
    assert_red(&strict(&world.evidence()), V4, &order.to_string(), "notified 2 times");
}

#[test]
fn a_mended_request_is_where_its_order_comes_from() {
    let (mut world, _) = World::busy();
    world.unreadable_request();
    let order = world.next_order();
    world.put_back(place(order));
    let lost = |world: &World| {
        let mut world = world.clone();
        world.redriven_up_to = 1;
        lenient(&world.evidence())
    };
    assert_red(&lost(&world), V1, &order.to_string(), "put back and handled without it");
    world.create(order);
    world.reserve(order);
    world.pay(order);
    world.redriven_up_to = 1;
    assert_green(&strict(&world.evidence()));
    // And once.
    let mut twice = world.clone();
    twice.create(order);
    assert_red(&strict(&twice.evidence()), V1, &order.to_string(), "the order was created 2 times");
    // Without it the order would come from nowhere.
    world.redriven.clear();
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), "nobody had placed it");
}

#[test]
fn an_order_made_of_a_mended_request_is_what_it_asks_for() {
    let (mut world, _) = World::busy();
    world.unreadable_request();
    let order = world.next_order();
    world.put_back(Place { total: euro(1), ..place(order) });
    world.create(order);
    world.reserve(order);
    world.pay(order);
    world.redriven_up_to = 1;
    let what = "created as something else than was asked for";
    assert_red(&strict(&world.evidence()), V1, &order.to_string(), what);
}

#[test]
fn an_adjustment_that_was_put_back_is_made_once() {
    let (mut world, _) = World::busy();
    let adjustment = Uuid::from_u128(77);
    let wish = || Adjust { adjustment, sku: "C".to_owned(), change: events::requests::StockChange::By(4) };
    let made = |on_hand| Adjusted { sku: "C".to_owned(), adjustment, delta: 4, on_hand };
    world.give_up_next("INVENTORY", REQUESTS.name);
    world.push(&REQUESTS, Uuid::nil(), wish());
    world.put_back(wish());
    world.redriven_up_to = 1;
    world.push(&INVENTORY, adjustment, made(4));
    assert_green(&strict(&world.evidence()));
    world.push(&INVENTORY, adjustment, made(8));
    assert_red(&strict(&world.evidence()), V3, &adjustment.to_string(), "adjusted 2 times, but asked for 1");
}

#[test]
fn what_was_put_back_is_decided_once() {
    let (mut world, _) = World::busy();
    world.redriven_up_to = 3;
    let mut evidence = world.evidence();
    assert_green(&strict(&evidence));
    let orders = evidence.streams.get_mut("ORDERS").expect("there are orders");
    let last = orders.messages.last_mut().and_then(|message| message.reached.as_mut());
    last.expect("it tells positions").redrive = 2;
    let id = format!("ORDERS:{}", orders.last);
    assert_red(&strict(&evidence), LOG, &id, "positions went back");
}
