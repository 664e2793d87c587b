//! Strangers that an operator has written off are no breach, unless somebody has acted upon them or still may.

use events::{
    OrderId,
    catalogue::{INVENTORY, ORDERS, PAYMENTS, StreamDef},
    notifications::Template,
    orders::CancelReason,
};
use uuid::Uuid;

use super::{
    Evidence, assert_green, assert_red,
    orders::{letter, next_in},
    strict,
    world::{World, charge, euro, lines},
};
use crate::verify::{
    evidence::{
        Adjusted, CancelRefused, Cancelled, Captured, Committed, Fact, Recorded, Redriven, Released,
        Reserved, Standing,
    },
    report::CheckId::{LOG, V1, V2, V3, V4, V6},
};

/// A fleet, and a message that nobody of it has written, with what came of it.
struct Case {
    world: World,
    stream: &'static StreamDef,
    sequence: u64,
    id: Uuid,
    /// What the inventory service had in stock before it came.
    before: Evidence,
}

impl Case {
    fn new(mut world: World, stream: &'static StreamDef, fact: impl Into<Fact>) -> Self {
        let (before, sequence) = (world.evidence(), next_in(&world, stream.name));
        let id = world.push(stream, Uuid::nil(), fact);
        Self { world, stream, sequence, id, before }
    }

    /// Stock is set aside for an order that nobody has placed.
    fn reserved() -> Self {
        let mut world = World::busy().0;
        let order = world.next_order();
        Self::new(world, &INVENTORY, Reserved { order, lines: lines() })
    }

    /// An order that waits for its payment is cancelled.
    fn cancelled() -> (Self, OrderId) {
        let mut world = World::busy().0;
        let order = world.paid();
        let (reason, returned) = (CancelReason::Customer, Vec::new());
        (Self::new(world, &ORDERS, Cancelled { order, reason, returned }), order)
    }

    /// Somebody has given it up, and the operator has discarded the letter.
    fn discarded_by(mut self, consumer: &str) -> Self {
        let mut letter = letter(consumer, self.stream.name, self.sequence);
        if consumer == self.stream.name {
            "foreign".clone_into(&mut letter.cause);
        }
        letter.letter = self.world.letters.len() as u64 + 1;
        letter.standing = Standing::Discarded;
        self.world.letters.push(letter);
        self
    }

    fn evidence(&self) -> Evidence {
        let mut evidence = self.world.evidence();
        let messages = &mut evidence.streams.get_mut(self.stream.name).expect("it has messages").messages;
        let stranger = messages.iter_mut().find(|message| message.sequence == self.sequence);
        let stranger = stranger.expect("it was stored");
        (stranger.epoch, stranger.reached) = (None, None);
        // The inventory service does not believe what it has not written.
        let levels = self.before.stock.clone().expect("it was asked").levels;
        evidence.stock.as_mut().expect("it was asked").levels = levels;
        evidence
    }

    fn place(&self) -> String {
        format!("{}:{}", self.stream.name, self.sequence)
    }

    #[track_caller]
    fn assert_written_off(&self) {
        let report = strict(&self.evidence());
        assert_green(&report);
        let log = report.checks.iter().find(|check| check.id == LOG).expect("it was checked");
        let place = self.place();
        let note = format!("{place} was written by nobody of the fleet; written off by an operator");
        assert_eq!(log.notes, [note]);
    }

    /// It is still part of the evidence.
    #[track_caller]
    fn assert_judged(&self) {
        let report = strict(&self.evidence());
        assert!(!report.holds() && report.checks.iter().all(|check| check.notes.is_empty()), "{report:#?}");
    }
}

#[test]
fn what_nobody_has_acted_upon_is_written_off() {
    let reserved = Case::reserved().discarded_by("INVENTORY");
    // The payment service may have it in hand.
    reserved.assert_judged();
    reserved.discarded_by("payment-charge").assert_written_off();

    let adjusted = Adjusted { sku: "A".to_owned(), adjustment: Uuid::from_u128(7), delta: 9, on_hand: 9 };
    let adjusted = Case::new(World::busy().0, &INVENTORY, adjusted);
    adjusted.assert_judged();
    adjusted.discarded_by("INVENTORY").assert_written_off();
}

#[test]
fn a_copy_of_what_nobody_reads_is_written_off() {
    let world = World::busy().0;
    let refused = world.drafts.iter().rev().find(|draft| matches!(draft.fact, Fact::CancelRefused(_)));
    let original = refused.expect("one was refused").clone();
    let Fact::CancelRefused(CancelRefused { order }) = original.fact else { panic!("it is a refusal") };
    let case = Case::new(world, &ORDERS, CancelRefused { order });
    let mut case = case.discarded_by("ORDERS");
    case.world.find(|draft| draft.id == case.id).id = original.id;
    case.assert_written_off();
    case.world.letters.clear();
    assert_red(&strict(&case.evidence()), LOG, &case.place(), "the same event a second time");
}

#[test]
fn a_letter_that_is_not_discarded_writes_nothing_off() {
    let case = Case::reserved().discarded_by("INVENTORY").discarded_by("payment-charge");
    for (index, standing) in [(0, Standing::Open), (1, Standing::Open), (1, Standing::Redriven(vec![1]))] {
        let mut case = Case { world: case.world.clone(), before: case.before.clone(), ..case };
        case.world.letters[index].standing = standing;
        case.assert_judged();
    }
}

#[test]
fn what_was_put_back_before_it_was_discarded_may_have_been_acted_upon() {
    let mut case = Case::reserved().discarded_by("INVENTORY").discarded_by("payment-charge");
    let fact = case.world.find(|draft| draft.id == case.id).fact.clone();
    let message = Recorded {
        sequence: 1,
        at: events::Timestamp(1),
        id: case.id,
        cause: Uuid::nil(),
        epoch: None,
        reached: None,
        body: 0,
        fact,
    };
    case.world.redriven.push(Redriven { message, consumer: "payment-charge".to_owned(), letter: 2 });
    case.world.redriven_up_to = 1;
    case.assert_judged();
}

#[test]
fn what_a_worker_has_acted_upon_is_not_written_off() {
    let mut case = Case::reserved().discarded_by("INVENTORY").discarded_by("payment-charge");
    case.assert_written_off();
    let Fact::Reserved(Reserved { order, .. }) = case.world.find(|draft| draft.id == case.id).fact else {
        panic!("it is a reservation")
    };
    // The money is gone, whether or not the payment service has told.
    let mut untold = Case { world: case.world.clone(), before: case.before.clone(), ..case };
    untold.world.take(order, &charge(order), 500);
    let report = strict(&untold.evidence());
    assert!(report.broken().contains(&V2), "{report:#?}");
    case.world.take(order, &charge(order), 500);
    let captured = Captured { order, charge: charge(order), amount: euro(500) };
    case.world.push(&PAYMENTS, case.id, captured);
    case.assert_judged();
    // Not even if it took none.
    let mut declined = Case::reserved().discarded_by("INVENTORY").discarded_by("payment-charge");
    declined.world.decline(order);
    let last = declined.world.drafts.last_mut().expect("it was declined");
    let (stream, fact) = (&PAYMENTS, last.fact.clone());
    declined.world.drafts.pop();
    declined.world.push(stream, declined.id, fact);
    declined.assert_judged();
}

#[test]
fn what_the_other_journal_has_acted_upon_is_not_written_off() {
    let (case, _) = Case::cancelled();
    let case = case.discarded_by("ORDERS").discarded_by("notification-orders");
    case.assert_written_off();
    let (mut case, order) = Case::cancelled();
    case.world.push(&INVENTORY, case.id, Released { order, lines: lines(), returned: true });
    let case = case.discarded_by("ORDERS").discarded_by("notification-orders");
    case.assert_judged();
    // Even if it could not be told what it followed from.
    let (mut case, order) = Case::cancelled();
    case.world.push(&INVENTORY, Uuid::nil(), Released { order, lines: lines(), returned: true });
    let case = case.discarded_by("ORDERS").discarded_by("notification-orders");
    assert!(strict(&case.evidence()).broken().contains(&V3));
}

#[test]
fn what_the_other_journal_has_yet_to_come_to_is_not_written_off() {
    let (case, _) = Case::cancelled();
    let case = case.discarded_by("ORDERS").discarded_by("notification-orders");
    let mut evidence = case.evidence();
    let inventory = evidence.streams.get_mut("INVENTORY").expect("there is stock");
    for reached in inventory.messages.iter_mut().filter_map(|message| message.reached.as_mut()) {
        reached.orders = reached.orders.min(case.sequence - 1);
    }
    let report = strict(&evidence);
    assert!(!report.holds() && report.checks.iter().all(|check| check.notes.is_empty()), "{report:#?}");
}

#[test]
fn a_customer_who_was_told_of_it_is_not_forgotten() {
    let (mut case, order) = Case::cancelled();
    case.world.notify(order, case.id, Template::OrderCancelled);
    let case = case.discarded_by("ORDERS");
    case.assert_judged();
    let mut case = case.discarded_by("notification-orders");
    case.assert_judged();
    case.world.drafts.last_mut().expect("it was told").cause = Uuid::nil();
    assert!(strict(&case.evidence()).broken().contains(&V4));
}

#[test]
fn only_what_nobody_has_signed_can_be_written_off() {
    let case = Case::reserved().discarded_by("INVENTORY").discarded_by("payment-charge");
    let mut evidence = case.evidence();
    let inventory = evidence.streams.get_mut("INVENTORY").expect("there is stock");
    let stranger = inventory.messages.iter_mut().find(|message| message.sequence == case.sequence);
    stranger.expect("it was stored").epoch = Some(0);
    let report = strict(&evidence);
    assert_eq!(report.broken(), [V3, LOG], "a stale writer is a breach, and so is what it wrote");
    // Nor what the journal has given up for another reason.
    let mut case = case;
    "undecodable".clone_into(&mut case.world.letters[0].cause);
    case.assert_judged();
}

/// A service that forgets to sign cannot be helped out by an operator.
#[test]
fn what_the_fleet_needs_is_missed_when_it_is_written_off() {
    let mut world = World::busy().0;
    let order = world.placed();
    let created = events_of(&mut world, order);
    let case = Case::new(world, &ORDERS, created).discarded_by("ORDERS");
    assert!(strict(&case.evidence()).broken().contains(&V1));
    let mut world = World::busy().0;
    let order = world.awaiting_payment();
    world.capture(order);
    let confirmed = world.confirm(order);
    world.notify(order, confirmed, Template::OrderConfirmed);
    let case = Case::new(world, &INVENTORY, Committed { order, lines: lines() }).discarded_by("INVENTORY");
    let what = "its stock to be booked out, which can no longer come";
    assert_red(&strict(&case.evidence()), V3, &order.to_string(), what);
}

fn events_of(world: &mut World, order: OrderId) -> Fact {
    world.create(order);
    world.drafts.pop().expect("it was created").fact
}

#[test]
fn an_open_letter_is_still_a_matter_of_its_own() {
    let mut case = Case::reserved().discarded_by("INVENTORY").discarded_by("payment-charge");
    let mut other = letter("ORDERS", "REQUESTS", 1);
    other.letter = 99;
    case.world.letters.push(other);
    assert_eq!(strict(&case.evidence()).broken(), [V6]);
}
