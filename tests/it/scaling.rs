//! What more than one journal would change, and what it would not; and the figures of `docs/SCALING.md`.
//!
//! The services' own deciders are driven without a broker: the same random load once through one journal and once through
//! many. `UPDATE=1 cargo test -p tests --test it scaling` renews the tables of the document from `docs/scaling.json` and from
//! what the benchmarks count.

mod capacity;
mod document;
mod fleet;
mod inputs;
mod load;
mod shards;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use events::{OrderId, StreamEvent, orders::OrderEvent};
use fastrand::Rng;
use order_service::decider::{Input, OrderDecider};

use self::{
    load::{WINDOWS, load, order_of},
    shards::{Journal, Life, Lives, SHARDS, Step, differing, run, shard_of},
};

const ORDERS: u64 = 4_000;
const SEEDS: std::ops::Range<u64> = 0..3;

fn decider() -> OrderDecider {
    OrderDecider::new(WINDOWS)
}

/// What one journal decides.
fn by_one(steps: &[Step<Input>]) -> Lives<OrderEvent> {
    run(&decider(), steps, 1, |_, _| 0, &mut Rng::with_seed(0))
}

/// Orders that exist more than once.
fn created_again(lives: &Lives<OrderEvent>) -> usize {
    let creations = |life: &Life<OrderEvent>| life.iter().filter(|(_, event, ..)| is_created(event)).count();
    lives.values().filter(|life| creations(life) > 1).count()
}

fn is_created(event: &OrderEvent) -> bool {
    matches!(event, OrderEvent::Created(_))
}

#[test]
fn sharding_by_order_changes_no_decision() {
    for seed in SEEDS {
        let steps = load(seed, ORDERS);
        let one = by_one(&steps);
        for shards in SHARDS {
            let by_order = |_, input: &Input| shard_of(order_of(input), shards);
            let many = run(&decider(), &steps, shards, by_order, &mut Rng::with_seed(seed));
            assert_eq!(differing(&one, &many), [""; 0], "seed {seed}, {shards} shards");
        }
    }
}

#[test]
fn the_load_has_everything_in_it() {
    let lives = by_one(&load(SEEDS.start, ORDERS));
    assert_eq!(created_again(&lives), 0);
    let all = lives.values().flatten();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut ticks = BTreeMap::<usize, usize>::new();
    for (place, event, ..) in all {
        let detail = match event {
            OrderEvent::Cancelled(cancelled) if cancelled.returned.is_empty() => cancelled.reason.as_str(),
            OrderEvent::Cancelled(_) => "returned",
            OrderEvent::CancelRefused(refused) => match refused.reason {
                events::orders::CancelRefusal::NotOpen => "not_open",
                events::orders::CancelRefusal::AlreadyCancelled => "already_cancelled",
                events::orders::CancelRefusal::TooLate => "too_late",
            },
            OrderEvent::Created(_) | OrderEvent::Confirmed(_) | OrderEvent::RefundRequested(_) => "",
        };
        *seen.entry(format!("{} {detail}", event.kind())).or_default() += 1;
        *ticks.entry(*place).or_default() += 1;
    }
    let often: BTreeSet<_> =
        seen.iter().filter(|(_, count)| **count >= 10).map(|(kind, _)| kind.as_str()).collect();
    let wanted = [
        "orders.cancel_refused already_cancelled",
        "orders.cancel_refused too_late",
        "orders.cancelled customer",
        "orders.cancelled expired",
        "orders.cancelled out_of_stock",
        "orders.cancelled payment_declined",
        "orders.cancelled returned",
        "orders.cancelled unknown_sku",
        "orders.confirmed ",
        "orders.created ",
        "orders.refund_requested ",
    ];
    assert!(often.is_superset(&wanted.into()), "{seen:#?}");
    // More are left for the next tick, and a journal with fewer orders would come to them sooner.
    assert!(ticks.values().all(|count| *count < 100));
}

#[test]
fn sharding_by_message_breaks_orders() {
    let steps = load(SEEDS.start, ORDERS);
    let one = by_one(&steps);
    for shards in SHARDS {
        let many = run(&decider(), &steps, shards, |place, _| place % shards, &mut Rng::with_seed(0));
        assert!(differing(&one, &many).len() > one.len() / 4, "{shards} shards");
        assert!(created_again(&many) > 0, "{shards} shards");
    }
}

#[test]
fn inputs_of_an_order_that_overtake_one_another_change_decisions() {
    let mut steps = load(SEEDS.start, ORDERS);
    let one = by_one(&steps);
    Rng::with_seed(0).shuffle(&mut steps);
    let shuffled = by_one(&steps);
    let kinds = |lives: &Lives<OrderEvent>| -> BTreeMap<String, Vec<&'static str>> {
        let kinds = |life: &Life<OrderEvent>| life.iter().map(|(_, event, ..)| event.kind()).collect();
        lives.iter().map(|(order, life)| (order.clone(), kinds(life))).collect()
    };
    let (one, shuffled) = (kinds(&one), kinds(&shuffled));
    let same = one.iter().filter(|(order, life)| shuffled.get(*order) == Some(life)).count();
    assert!(same < one.len() / 2, "{same} of {}", one.len());
}

/// From two journals to four new ones: what was created before the cut stays where it is.
#[test]
fn orders_stay_in_the_generation_that_created_them() {
    let steps = load(SEEDS.start, ORDERS);
    let one = by_one(&steps);
    let cut = steps.len() / 2;
    let mut created = BTreeMap::<OrderId, usize>::new();
    for (place, step) in steps.iter().enumerate() {
        if let Step::Input(input, _) = step {
            created.entry(order_of(input)).or_insert(place);
        }
    }
    let journal = |order: OrderId, place: usize| {
        if place < cut { shard_of(order, 2) } else { 2 + shard_of(order, 4) }
    };
    let by_creation = |_, input: &Input| journal(order_of(input), created[&order_of(input)]);
    let kept = run(&decider(), &steps, 6, by_creation, &mut Rng::with_seed(1));
    assert_eq!(differing(&one, &kept), [""; 0]);
    // Who sends what comes after the cut to the new journals, whichever order it is about, loses and doubles.
    let by_time = |place, input: &Input| journal(order_of(input), place);
    let torn = run(&decider(), &steps, 6, by_time, &mut Rng::with_seed(1));
    assert!(created_again(&torn) > 0 && differing(&one, &torn).len() > created_again(&torn));
}

#[test]
fn shards_are_about_even_for_both_kinds_of_ids() {
    let steps = load(SEEDS.start, ORDERS);
    let ids = steps.iter().filter_map(|step| match step {
        Step::Input(input, _) => Some(order_of(input)),
        Step::Tick(_) => None,
    });
    let ids: BTreeSet<_> = ids.collect();
    for version in [5, 7] {
        let of_version: Vec<_> = ids.iter().filter(|id| id.0.get_version_num() == version).collect();
        let mut sizes = [0_usize; 16];
        of_version.iter().for_each(|id| sizes[shard_of(**id, 16)] += 1);
        let even = of_version.len() / 16;
        assert!(sizes.iter().all(|size| size.abs_diff(even) < even / 2), "version {version}: {sizes:?}");
    }
}

/// What is forgotten is told by the requests that a journal reads: with fewer of them it never forgets sooner.
#[test]
fn a_shard_remembers_an_order_at_least_as_long() {
    let (decider, steps) = (decider(), load(SEEDS.start, ORDERS));
    let remembered = |shards: usize, of: usize| {
        let mut journal = Journal::new(&decider);
        let mut orders = BTreeMap::new();
        for step in &steps[..steps.len() * 3 / 4] {
            match step {
                Step::Input(input, _) if shard_of(order_of(input), shards) != of => continue,
                Step::Input(Input::Place(wish), _) => {
                    orders.insert(wish.order_id, step);
                }
                Step::Input(..) | Step::Tick(_) => {}
            }
            journal.take(step);
        }
        // Who is remembered is not created once more.
        orders.retain(|_, step| !journal.would_decide(step));
        orders.into_keys().collect::<BTreeSet<_>>()
    };
    let one = remembered(1, 0);
    let many: BTreeSet<_> = (0..16).flat_map(|of| remembered(16, of)).collect();
    assert!(one.is_subset(&many) && many.len() > one.len(), "{} and {}", one.len(), many.len());
}
