//! What holds of every history: random orders, their requests and outcomes in any lawful interleaving,
//! with repetitions.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use events::{
    Envelope,
    orders::{CancelReason, OrderEvent, RefundRequested},
};
use proptest::prelude::*;
use uuid::Uuid;

use self::world::{Outcome, Story, TOTAL, WINDOWS, World, id, outcome, place, steps, stories};
use super::*;

/// What was decided about one order, and whether it is confirmed in the end.
fn check_decisions(said: &[&OrderEvent]) -> Result<bool, TestCaseError> {
    use OrderEvent::{CancelRefused, Cancelled, Confirmed, Created, RefundRequested};
    let is_decision = |event: &&OrderEvent| !matches!(event, RefundRequested(_) | CancelRefused(_));
    let decisions = said.iter().copied().filter(is_decision).collect::<Vec<_>>();
    match decisions.as_slice() {
        [Created(_), Confirmed(_)] => Ok(true),
        [Created(_), Cancelled(cancelled)] if cancelled.returned.is_empty() => Ok(false),
        [Created(_), Confirmed(_), Cancelled(cancelled)] if !cancelled.returned.is_empty() => Ok(false),
        _ => Err(TestCaseError::fail(format!("unlawful life: {said:?}"))),
    }
}

fn check_money(story: &Story, said: &[&OrderEvent], confirmed: bool) -> Result<(), TestCaseError> {
    let mut charges = BTreeMap::new();
    for outcome in story.outcomes {
        if let Outcome::Captured(charge, amount) = outcome {
            charges.insert(charge, *amount);
        }
    }
    let refunds = said.iter().filter_map(|event| match event {
        OrderEvent::RefundRequested(refund) => Some(refund),
        OrderEvent::Created(_) | OrderEvent::Confirmed(_) => None,
        OrderEvent::Cancelled(_) | OrderEvent::CancelRefused(_) => None,
    });
    let refunds = refunds.collect::<Vec<&RefundRequested>>();
    let distinct = refunds.iter().map(|refund| &refund.charge_id).collect::<BTreeSet<_>>();
    prop_assert_eq!(distinct.len(), refunds.len(), "a charge goes back once");
    let net = charges.values().sum::<i64>() - refunds.iter().map(|refund| refund.amount.amount).sum::<i64>();
    prop_assert_eq!(net, if confirmed { TOTAL } else { 0 }, "{:?}", said);
    Ok(())
}

fn check_answers(story: &Story, said: &[&OrderEvent]) -> Result<(), TestCaseError> {
    let asked = story.cancels.iter().filter(|cancel| **cancel).count();
    let answers = said.iter().filter(|event| match event {
        OrderEvent::CancelRefused(_) => true,
        OrderEvent::Cancelled(cancelled) => cancelled.reason == CancelReason::Customer,
        OrderEvent::Created(_) | OrderEvent::Confirmed(_) | OrderEvent::RefundRequested(_) => false,
    });
    prop_assert_eq!(answers.count(), asked, "each wish to cancel is answered");
    Ok(())
}

fn restored(orders: &Orders) -> Orders {
    let snapshot = serde_json::to_vec(orders).expect("a state serialises");
    serde_json::from_slice(&snapshot).expect("a snapshot is a state")
}

proptest! {
    #[test]
    fn every_life_is_lawful_and_its_money_where_it_belongs(stories in stories(), steps in steps()) {
        let world = World::run(&stories, &steps);
        prop_assert_eq!(world.orders.counts().awaiting, 0);
        for (number, story) in stories.iter().enumerate() {
            let said = world.about(number);
            let confirmed = check_decisions(&said)?;
            check_money(story, &said, confirmed)?;
            check_answers(story, &said)?;
        }
    }

    #[test]
    fn the_state_is_the_fold_of_the_journal(stories in stories(), steps in steps(), cut in 0_usize..40) {
        let world = World::run(&stories, &steps);
        let mut orders = Orders::default();
        for (index, (event, meta)) in world.history.iter().enumerate() {
            if index == cut {
                let restored = restored(&orders);
                prop_assert_eq!(&restored, &orders);
                orders = restored;
            }
            world.decider.evolve(&mut orders, event, meta);
        }
        prop_assert_eq!(orders, world.orders);
    }

    /// The requests are not read that far: there may be repetitions among those that wait.
    #[test]
    fn what_is_put_back_makes_nothing_forgotten(stories in stories(), steps in steps()) {
        let mut world = World::run(&stories, &steps);
        let settled = world.orders.counts().settled;
        (world.now, world.put_back) = (world.now.after(WINDOWS.late_payment * 2), true);
        world.tell(&place(id(99)));
        world.put_back = false;
        for number in 0..stories.len() {
            prop_assert_eq!(world.tell(&place(id(number))), [], "a repetition that is read only now");
        }
        let counts = world.orders.counts();
        prop_assert_eq!((counts.awaiting, counts.settled), (1, settled));
    }

    #[test]
    fn what_is_forgotten_stays_silent(stories in stories(), steps in steps()) {
        let mut world = World::run(&stories, &steps);
        world.now = world.now.after(WINDOWS.late_payment).after(Duration::from_secs(1));
        world.tell(&place(id(99)));
        let counts = world.orders.counts();
        prop_assert_eq!((counts.awaiting, counts.settled), (1, 0));
        for (number, story) in stories.iter().enumerate() {
            for again in story.outcomes {
                prop_assert_eq!(world.tell(&outcome(id(number), *again)), []);
            }
        }
    }
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
    OrderDecider::new(WINDOWS).read_input(&RawEnvelope::parse(&envelope.to_body())?)
}

#[test]
fn inputs_are_read_by_type_and_version() {
    let wish = CancelOrder { order_id: id(1), reason: None };
    let data = serde_json::to_value(&wish).expect("a request serialises");
    assert!(matches!(read(CancelOrder::TYPE, 1, &data), Ok(Input::Cancel(read)) if read == wish));
    assert!(matches!(
        read(CancelOrder::TYPE, 2, &data),
        Err(DecodeError::UnknownVersion { kind: CancelOrder::TYPE, version: 2 })
    ));
    assert!(matches!(read(PlaceOrder::TYPE, 1, &data), Err(DecodeError::Malformed(_))));
    assert!(
        matches!(read("inventory.reserved", 1, &data), Err(DecodeError::UnknownType(kind)) if kind == "inventory.reserved")
    );
}
