//! Stock by hash of its SKU: the same decisions as long as an order wants one SKU; and what becomes of a cart across shards.

use std::collections::BTreeMap;

use events::{
    OrderId, TraceId,
    inventory::InventoryEvent,
    orders::{CancelReason, Line, OrderCancelled, OrderConfirmed, OrderCreated},
    requests::{AdjustStock, StockChange},
};
use fastrand::Rng;
use inventory_service::{
    decider::{Input, InventoryDecider},
    domain::Windows,
};
use messaging::journal::Meta;
use uuid::Uuid;

use super::{
    load::{START, euros, order_id, time},
    shards::{Journal, Life, SHARDS, Step, differing, hash, run, sku},
};

const CARTS: u64 = 3_000;
const SKUS: usize = 40;
const PIECES: u64 = 40;

fn shard_of(sku: &str, shards: usize) -> usize {
    hash(sku.as_bytes(), shards)
}

fn decider() -> InventoryDecider {
    InventoryDecider::new(Windows::DEFAULT)
}

fn step(number: usize, input: Input) -> Step<Input> {
    let at = time(START + number as u64);
    let (id, trace_id) = (Uuid::from_u128(number as u128), TraceId([1; 16]));
    Step::Input(input, Meta { id, at, trace_id, put_back: false })
}

fn created(order_id: OrderId, skus: &[String]) -> OrderCreated {
    OrderCreated {
        order_id,
        customer_id: "customer".to_owned(),
        lines: skus.iter().map(|sku| Line { sku: sku.clone(), quantity: 1, unit_price: 500 }).collect(),
        total: euros(500),
        payment_method: "tok_visa".to_owned(),
        fingerprint: "f".to_owned(),
    }
}

fn cancelled(order_id: OrderId) -> OrderCancelled {
    let (customer_id, reason) = ("customer".to_owned(), CancelReason::OutOfStock);
    OrderCancelled { order_id, customer_id, reason, detail: None, total: euros(500), returned: Vec::new() }
}

fn stocked() -> impl Iterator<Item = (String, Input)> {
    (0..SKUS).map(|number| {
        let adjustment_id = Uuid::from_u128(number as u128);
        let change = StockChange::To(PIECES);
        (sku(number), Input::Adjust(AdjustStock { adjustment_id, sku: sku(number), change, reason: None }))
    })
}

/// Orders of one SKU each, from creation to their end, some things told twice; each input with its SKU.
fn singles(seed: u64) -> Vec<(String, Input)> {
    let mut rng = Rng::with_seed(seed);
    let mut told: Vec<_> = stocked().map(|(sku, input)| (0, sku, input)).collect();
    for number in 0..CARTS {
        let (order_id, sku) = (order_id(number, number, &mut rng), sku(rng.usize(..SKUS)));
        let start = rng.u64(1..100_000);
        let end = match rng.u8(..3) {
            0 => Input::Cancelled(cancelled(order_id)),
            _ => Input::Confirmed(OrderConfirmed {
                order_id,
                customer_id: "customer".to_owned(),
                total: euros(500),
                charge_id: "ch".to_owned(),
            }),
        };
        let first = Input::Created(created(order_id, std::slice::from_ref(&sku)));
        for (after, input) in [(0, first), (rng.u64(1..10_000), end)] {
            told.extend(
                (0..rng.u64(1..3)).map(|again| (start + after + again * 100, sku.clone(), input.clone())),
            );
        }
    }
    told.sort_by_key(|(at, ..)| *at);
    told.into_iter().map(|(_, sku, input)| (sku, input)).collect()
}

#[test]
fn orders_of_one_sku_are_decided_the_same_in_shards_by_sku() {
    for seed in 0..3 {
        let told = singles(seed);
        let steps: Vec<_> =
            told.iter().enumerate().map(|(number, (_, input))| step(number, input.clone())).collect();
        let one = run(&decider(), &steps, 1, |_, _| 0, &mut Rng::with_seed(0));
        let refused = |life: &Life<InventoryEvent>| {
            life.iter().any(|(_, event, ..)| matches!(event, InventoryEvent::Rejected(_)))
        };
        assert!(one.values().filter(|life| refused(life)).count() > 100, "stock is short");
        for shards in SHARDS {
            let by_sku = |place: usize, _: &Input| shard_of(&told[place].0, shards);
            let many = run(&decider(), &steps, shards, by_sku, &mut Rng::with_seed(seed));
            assert_eq!(differing(&one, &many), [""; 0], "seed {seed}, {shards} shards");
            let by_message = |place: usize, _: &Input| place % shards;
            let torn = run(&decider(), &steps, shards, by_message, &mut Rng::with_seed(seed));
            assert!(differing(&one, &torn).len() > one.len() / 4, "{shards} shards");
        }
    }
}

/// What shards set aside for carts of up to four SKUs: of each cart, how many shards were asked and which of them did.
struct Split<'d> {
    shards: Vec<Journal<'d, InventoryDecider>>,
    asked: BTreeMap<OrderId, (usize, Vec<usize>)>,
    steps: usize,
}

impl Split<'_> {
    fn tell(&mut self, shard: usize, input: Input) -> Vec<InventoryEvent> {
        self.steps += 1;
        let decided = self.shards[shard].take(&step(self.steps, input));
        decided.into_iter().map(|(event, _)| event).collect()
    }

    /// Each shard is asked for its own lines.
    fn ask(&mut self, order_id: OrderId, skus: &[String], rng: &mut Rng) {
        let mut parts = BTreeMap::<usize, Vec<String>>::new();
        for sku in skus {
            parts.entry(shard_of(sku, self.shards.len())).or_default().push(sku.clone());
        }
        let (mut parts, mut reserved) = (parts.into_iter().collect::<Vec<_>>(), Vec::new());
        rng.shuffle(&mut parts);
        for (shard, skus) in &parts {
            let events = self.tell(*shard, Input::Created(created(order_id, skus)));
            reserved.extend(
                events.iter().any(|event| matches!(event, InventoryEvent::Reserved(_))).then_some(*shard),
            );
        }
        self.asked.insert(order_id, (parts.len(), reserved));
    }

    /// Pieces set aside, in all shards.
    fn reserved(&self) -> u64 {
        self.shards.iter().flat_map(|shard| shard.state.levels(None)).map(|(_, level)| level.reserved).sum()
    }

    fn is_sold_twice(&self) -> bool {
        let mut levels = self.shards.iter().flat_map(|shard| shard.state.levels(None));
        levels.any(|(_, level)| level.reserved > level.on_hand)
    }
}

#[test]
fn a_cart_across_shards_of_stock_is_set_aside_in_part_until_it_is_compensated() {
    for shards in [1, 2, 4, 16] {
        let (decider, mut rng) = (decider(), Rng::with_seed(7));
        let journals = std::iter::repeat_with(|| Journal::new(&decider)).take(shards);
        let mut split = Split { shards: journals.collect(), asked: BTreeMap::new(), steps: 0 };
        for (sku, input) in stocked() {
            split.tell(shard_of(&sku, shards), input);
        }
        let mut pieces = BTreeMap::new();
        for number in 0..CARTS {
            let order_id = order_id(number, number, &mut rng);
            let skus: Vec<_> = rng.choose_multiple(0..SKUS, 4).into_iter().map(sku).collect();
            split.ask(order_id, &skus, &mut rng);
            pieces.insert(order_id, skus.len() as u64);
        }
        let partly =
            |(asked, reserved): &(usize, Vec<usize>)| !reserved.is_empty() && reserved.len() < *asked;
        let torn: Vec<_> = split.asked.iter().filter(|(_, parts)| partly(parts)).map(|(id, _)| *id).collect();
        assert_eq!(
            torn.is_empty(),
            shards == 1,
            "{shards} shards: {} carts are set aside in part",
            torn.len()
        );

        // What a saga would do about it. No stock is sold twice at any time, but others went without it meanwhile.
        for order_id in &torn {
            for shard in split.asked[order_id].1.clone() {
                split.tell(shard, Input::Cancelled(cancelled(*order_id)));
            }
        }
        let whole = split.asked.iter().filter(|(_, (asked, reserved))| reserved.len() == *asked);
        let set_aside: u64 = whole.map(|(order_id, _)| pieces[order_id]).sum();
        assert_eq!(split.reserved(), set_aside, "{shards} shards");
        assert!(!split.is_sold_twice() && set_aside > 0, "{shards} shards");
    }
}
