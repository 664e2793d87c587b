//! One journal of stock behind many of orders, each reading the others' events whenever chance lets it: nothing that was
//! promised depends on how many there are, or on who is ahead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use events::{
    OrderId, TraceId,
    inventory::InventoryEvent,
    orders::{Line, OrderEvent},
    payments::{PaymentCaptured, PaymentDeclined},
    requests::{AdjustStock, CancelOrder, PlaceOrder, StockChange},
};
use fastrand::Rng;
use inventory_service::{
    decider::{Input as StockInput, InventoryDecider},
    domain as stock,
};
use messaging::journal::Meta;
use order_service::{
    decider::{Input, OrderDecider},
    domain::Windows,
};
use uuid::Uuid;

use super::{
    load::{START, euros, order_id, time},
    shards::{Journal, SHARDS, Step, shard_of, sku},
};

const ORDERS: u64 = 1_500;
/// Pieces of each SKU: fewer than are wanted of the first, far more of the others.
const PIECES: [u64; 4] = [100, 100_000, 100_000, 100_000];

/// A journal of orders, and what it has not read yet: of each stream in order.
struct Shard<'d> {
    journal: Journal<'d, OrderDecider>,
    requests: VecDeque<Input>,
    stock: VecDeque<Input>,
    payments: VecDeque<Input>,
    /// Its own events, as far as the journal of stock has not read them.
    unread: VecDeque<StockInput>,
}

/// The journals, the card gateway, and everything that was decided.
struct Fleet<'d> {
    shards: Vec<Shard<'d>>,
    stock: Journal<'d, InventoryDecider>,
    /// Charges under way: their workers end in any order.
    charges: Vec<(OrderId, i64)>,
    rng: Rng,
    steps: u64,
    orders: BTreeMap<OrderId, Vec<OrderEvent>>,
    captured: BTreeSet<OrderId>,
}

impl Fleet<'_> {
    fn meta(&mut self) -> Meta {
        self.steps += 1;
        let at = time(START + self.steps);
        let id = Uuid::from_u128(self.steps.into());
        Meta { id, at, trace_id: TraceId([1; 16]), put_back: false }
    }

    /// Somebody does the next thing, until there is nothing left to do.
    fn run(&mut self) {
        loop {
            let shards = self.shards.len();
            let first = self.rng.usize(..shards);
            let busy = (0..shards).map(|n| (first + n) % shards).find(|shard| self.is_busy(*shard));
            match busy {
                Some(shard) if self.charges.is_empty() || self.rng.u8(..4) > 0 => self.advance(shard),
                None if self.charges.is_empty() => return,
                Some(_) | None => self.charge(),
            }
        }
    }

    fn is_busy(&self, shard: usize) -> bool {
        let Shard { requests, stock, payments, unread, .. } = &self.shards[shard];
        !(requests.is_empty() && stock.is_empty() && payments.is_empty() && unread.is_empty())
    }

    /// The next message of a stream, if there is one.
    fn advance(&mut self, shard: usize) {
        let source = self.rng.u8(..4);
        let Shard { requests, stock, payments, unread, .. } = &mut self.shards[shard];
        let input = match source {
            0 => requests.pop_front(),
            1 => stock.pop_front(),
            2 => payments.pop_front(),
            _ => {
                let Some(input) = unread.pop_front() else { return };
                return self.decide_on_stock(input);
            }
        };
        if let Some(input) = input {
            let step = Step::Input(input, self.meta());
            self.decide_on_order(shard, &step);
        }
    }

    fn decide_on_order(&mut self, shard: usize, step: &Step<Input>) {
        let Shard { journal, unread, .. } = &mut self.shards[shard];
        for (event, _) in journal.take(step) {
            let order_id = match &event {
                OrderEvent::Created(created) => {
                    unread.push_back(StockInput::Created(created.clone()));
                    created.order_id
                }
                OrderEvent::Confirmed(confirmed) => {
                    unread.push_back(StockInput::Confirmed(confirmed.clone()));
                    confirmed.order_id
                }
                OrderEvent::Cancelled(cancelled) => {
                    unread.push_back(StockInput::Cancelled(cancelled.clone()));
                    cancelled.order_id
                }
                OrderEvent::RefundRequested(refund) => refund.order_id,
                OrderEvent::CancelRefused(refused) => refused.order_id,
            };
            self.orders.entry(order_id).or_default().push(event);
        }
    }

    fn decide_on_stock(&mut self, input: StockInput) {
        let step = Step::Input(input, self.meta());
        for (event, _) in self.stock.take(&step) {
            match event {
                InventoryEvent::Reserved(reserved) => {
                    self.charges.push((reserved.order_id, reserved.total.amount))
                }
                InventoryEvent::Rejected(rejected) => {
                    let shard = shard_of(rejected.order_id, self.shards.len());
                    self.shards[shard].stock.push_back(Input::Rejected(rejected));
                }
                InventoryEvent::Committed(_) | InventoryEvent::Released(_) => {}
                InventoryEvent::Adjusted(_) | InventoryEvent::AdjustRefused(_) => {}
            }
        }
        for (sku, level) in self.stock.state.levels(None) {
            assert!(level.reserved <= level.on_hand, "{sku} is sold twice: {level:?}");
        }
    }

    /// Some charge ends.
    fn charge(&mut self) {
        let (order_id, amount) = self.charges.swap_remove(self.rng.usize(..self.charges.len()));
        let outcome = if self.rng.u8(..10) == 0 {
            Input::Declined(PaymentDeclined {
                order_id,
                code: "expired_card".to_owned(),
                amount: euros(amount),
            })
        } else {
            self.captured.insert(order_id);
            let charge_id = format!("ch_{order_id}");
            Input::Captured(PaymentCaptured { order_id, charge_id, amount: euros(amount) })
        };
        let shard = shard_of(order_id, self.shards.len());
        self.shards[shard].payments.push_back(outcome);
    }
}

/// What callers ask for, in order: places, some of them twice, and cancellations.
fn requests(seed: u64) -> Vec<(OrderId, Input)> {
    let mut rng = Rng::with_seed(seed);
    let mut requests = Vec::new();
    for number in 0..ORDERS {
        let order_id = order_id(number, START + number, &mut rng);
        let first = rng.usize(..PIECES.len());
        let wanted = [first, (first + 1) % PIECES.len()].map(sku).into_iter().take(rng.usize(1..3));
        let lines: Vec<_> = wanted.map(|sku| Line { sku, quantity: 1, unit_price: 500 }).collect();
        let total = euros(500 * i64::try_from(lines.len()).unwrap_or_default());
        let place = PlaceOrder {
            order_id,
            customer_id: "customer".to_owned(),
            lines,
            total,
            payment_method: "tok_visa".to_owned(),
            fingerprint: "f".to_owned(),
        };
        requests.push((order_id, Input::Place(place.clone())));
        if rng.u8(..10) == 0 {
            requests.push((order_id, Input::Place(place)));
        }
        if rng.u8(..10) == 0 {
            requests.push((order_id, Input::Cancel(CancelOrder { order_id, reason: None })));
        }
    }
    requests
}

/// A fleet with its stock set, and every request waiting to be read; beside it what each order wants.
fn fleet<'d>(
    seed: u64,
    shards: usize,
    orders: &'d OrderDecider,
    goods: &'d InventoryDecider,
) -> (Fleet<'d>, BTreeMap<OrderId, Vec<Line>>) {
    let shard = || Shard {
        journal: Journal::new(orders),
        requests: VecDeque::new(),
        stock: VecDeque::new(),
        payments: VecDeque::new(),
        unread: VecDeque::new(),
    };
    let mut fleet = Fleet {
        shards: std::iter::repeat_with(shard).take(shards).collect(),
        stock: Journal::new(goods),
        charges: Vec::new(),
        rng: Rng::with_seed(seed),
        steps: 0,
        orders: BTreeMap::new(),
        captured: BTreeSet::new(),
    };
    for (number, pieces) in PIECES.iter().enumerate() {
        let (adjustment_id, change) = (Uuid::from_u128(number as u128), StockChange::To(*pieces));
        let wish = AdjustStock { adjustment_id, sku: sku(number), change, reason: None };
        fleet.decide_on_stock(StockInput::Adjust(wish));
    }
    let mut wanted = BTreeMap::new();
    for (order_id, request) in requests(seed) {
        if let Input::Place(place) = &request {
            wanted.insert(order_id, place.lines.clone());
        }
        fleet.shards[shard_of(order_id, shards)].requests.push_back(request);
    }
    (fleet, wanted)
}

/// Whether an order was sold in the end of a run, once it is clear that everybody thinks the same of it.
fn is_sold(order_id: OrderId, fleet: &Fleet<'_>, run: &str) -> bool {
    let life = &fleet.orders[&order_id];
    let count = |wanted: fn(&OrderEvent) -> bool| life.iter().filter(|event| wanted(event)).count();
    let created = count(|event| matches!(event, OrderEvent::Created(_)));
    let confirmed = count(|event| matches!(event, OrderEvent::Confirmed(_)));
    let cancelled = count(|event| matches!(event, OrderEvent::Cancelled(_)));
    let refunded = count(|event| matches!(event, OrderEvent::RefundRequested(_)));
    assert_eq!(created, 1, "{run}: {life:#?}");
    assert!(confirmed <= 1 && cancelled <= 1 && confirmed + cancelled > 0, "{run}: {life:#?}");
    let sold = cancelled == 0;
    let kept = fleet.captured.contains(&order_id) && refunded == 0;
    assert_eq!(kept, sold, "money is kept for what is sold and for nothing else, {run}: {life:#?}");
    sold
}

fn check(seed: u64, shards: usize) {
    let (orders, goods) =
        (OrderDecider::new(Windows::DEFAULT), InventoryDecider::new(stock::Windows::DEFAULT));
    let (mut fleet, wanted) = fleet(seed, shards, &orders, &goods);
    fleet.run();
    let mut sold = BTreeMap::<&str, u64>::new();
    for (order_id, lines) in &wanted {
        if is_sold(*order_id, &fleet, &format!("seed {seed}, {shards} shards")) {
            for line in lines {
                *sold.entry(&line.sku).or_default() += 1;
            }
        }
    }
    for (number, pieces) in PIECES.iter().enumerate() {
        let sku = sku(number);
        let level = fleet.stock.state.level(&sku).unwrap_or_default();
        let sold = sold.get(sku.as_str()).copied().unwrap_or_default();
        assert_eq!(
            (level.reserved, level.on_hand + sold),
            (0, *pieces),
            "{sku}, seed {seed}, {shards} shards"
        );
    }
    let scarce = sold[sku(0).as_str()];
    assert!(scarce > PIECES[0] / 2 && scarce < wanted.len() as u64 / 4, "{scarce} of the first were sold");
}

#[test]
fn one_stock_behind_many_journals_of_orders_keeps_the_promise() {
    for seed in 0..3 {
        for shards in [1].into_iter().chain(SHARDS) {
            check(seed, shards);
        }
    }
}
