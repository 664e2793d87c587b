//! Makes trouble, as the plan has drawn it, and puts everything right again in the end.

mod gateway;
mod silence;

use std::{ops::Range, sync::Arc, time::Duration};

use events::catalogue::{INVENTORY, ORDERS};
use inventory_service::decider::InventoryDecider;
use messaging::{journal::shelf, log::Log};
use order_service::decider::OrderDecider;
use testkit::simulated::NetFaults;
use tokio_util::task::TaskTracker;

use crate::{
    bank::BankFaults,
    chance::pass,
    operator::Operator,
    plan::Trouble,
    poison::Poison,
    role::{Role, Seat},
    world::World,
};

/// How the network is when nothing is wrong with it.
const CALM: NetFaults = NetFaults { latency_ms: (0, 3), ..NetFaults::none() };

/// Within this time a journal that was handed over has a new leader; much less than a lease.
const TAKE_OVER: Duration = Duration::from_millis(1_500);

/// The maker of trouble.
#[derive(Clone)]
pub(crate) struct Nemesis {
    world: Arc<World>,
    poison: Poison,
    operator: Arc<Operator>,
}

impl Nemesis {
    pub(crate) fn new(world: &Arc<World>, poison: Poison, operator: Arc<Operator>) -> Self {
        Self { world: Arc::clone(world), poison, operator }
    }

    /// Makes trouble until the plan's horizon, a quarter of the time none.
    pub(crate) async fn rage(&self) {
        let (world, under_way) = (&self.world, TaskTracker::new());
        while world.trace.elapsed() < world.plan.horizon {
            if !world.plan.troubles.is_empty() && world.chance.hits(0.75) {
                for _ in 0..world.chance.number(1..4) {
                    let trouble = world.chance.pick(&world.plan.troubles);
                    let nemesis = self.clone();
                    under_way.spawn(async move { nemesis.make(trouble).await });
                }
            }
            pass(world.chance.millis(1_000..8_000)).await;
        }
        under_way.close();
        under_way.wait().await;
    }

    /// Puts everything right: from here on nothing goes wrong any more.
    pub(crate) async fn heal(&self) -> anyhow::Result<()> {
        let world = &self.world;
        world.trace.note("nemesis", "heals", 0, String::new);
        world.broker.set_faults(CALM);
        world.bank.set_faults(BankFaults::default());
        for seat in Seat::ALL {
            if let Some(body) = world.body(seat) {
                if body.is_frozen() {
                    body.thaw();
                }
                body.spare();
            }
            world.start(seat).await?;
        }
        Ok(())
    }

    async fn make(&self, trouble: Trouble) {
        let world = &self.world;
        if [Trouble::GatewayOutage, Trouble::CrashLoop].contains(&trouble) && world.bank.is_down() {
            return;
        }
        world.trace.note("nemesis", "makes", 0, || format!("{trouble:?}"));
        world.trace.sometimes(&format!("trouble: {trouble:?}"));
        world.calm.disturb();
        self.inflict(trouble).await;
        world.calm.restore();
    }

    async fn inflict(&self, trouble: Trouble) {
        let world = &self.world;
        match trouble {
            Trouble::Crash => self.crash(self.victim(), 200..12_000).await,
            Trouble::CrashAtStep => self.crash_at_step().await,
            Trouble::CrashAll => self.crash_all().await,
            Trouble::Freeze => self.freeze().await,
            Trouble::FreezeAtStep => self.freeze_at_step().await,
            Trouble::Restart => self.restart(self.victim()).await,
            Trouble::RollingRestart => {
                for seat in Seat::ALL {
                    self.restart(seat).await;
                }
            }
            Trouble::PaymentRestarts => {
                for seat in Seat::ALL.repeat(6).into_iter().filter(|seat| seat.role == Role::Payment) {
                    pass(self.world.chance.millis(200..1_500)).await;
                    self.restart(seat).await;
                }
            }
            Trouble::Outage => self.network(NetFaults { outage: true, ..CALM }, 500..15_000).await,
            Trouble::BrokerCrash => {
                world.broker.kill();
                pass(world.chance.millis(200..8_000)).await;
                world.broker.start();
            }
            Trouble::Noise => self.network(self.noise(), 1_000..12_000).await,
            Trouble::Partition => self.partition().await,
            Trouble::FullDisk => self.network(NetFaults { full: true, ..CALM }, 500..10_000).await,
            Trouble::GatewayErrors => self.gateway(self.errors()).await,
            Trouble::GatewayHangs => {
                self.gateway(BankFaults { hang: 0.2, slow: 0.2, ..BankFaults::default() }).await
            }
            Trouble::GatewayOutage => self.gateway_outage().await,
            Trouble::Poison => self.poison.publish(world),
            Trouble::Operator => self.operator.see_to_one(world).await,
            Trouble::DamagedSnapshot => self.damage_snapshot().await,
            Trouble::Silence => self.silence().await,
            Trouble::Doze => self.doze().await,
            Trouble::CrashLoop => self.crash_loop().await,
        }
    }

    /// Leaders are worth more than others.
    fn victim(&self) -> Seat {
        let role = self.world.chance.pick(&[Role::Order, Role::Inventory]);
        let leader = self.world.leader(role).filter(|_| self.world.chance.hits(0.4));
        leader.unwrap_or_else(|| self.world.chance.pick(&Seat::ALL))
    }

    async fn crash(&self, seat: Seat, back_after: Range<u64>) {
        if self.world.leader(seat.role) == Some(seat) {
            self.world.trace.sometimes("a leader is killed");
        }
        if let Some(body) = self.world.body(seat) {
            body.kill("by the nemesis");
        }
        pass(self.world.chance.millis(back_after)).await;
        self.start(seat).await;
    }

    async fn crash_at_step(&self) {
        let (world, seat) = (&self.world, self.victim());
        let Some(body) = world.body(seat) else { return };
        body.kill_after(world.chance.number(0..40));
        pass(world.chance.millis(2_000..15_000)).await;
        body.spare();
        self.start(seat).await;
    }

    async fn damage_snapshot(&self) {
        let (world, log) = (&self.world, self.world.broker.client("nemesis"));
        let orders = (Role::Order, shelf::<OrderDecider>(ORDERS.name));
        let stock = (Role::Inventory, shelf::<InventoryDecider>(INVENTORY.name));
        let (role, journal) = if world.chance.hits(0.5) { orders } else { stock };
        if let Ok(kept) = log.snapshots(&journal).await
            && let Some(newest) = kept.first()
            && log.save_snapshot(&journal, *newest, b"nothing of the kind".to_vec()).await.is_ok()
        {
            world.trace.note("nemesis", "damages", *newest, || format!("the snapshot {journal}:{newest}"));
            world.trace.sometimes("a snapshot is damaged");
        }
        if let Some(leader) = world.leader(role) {
            self.crash(leader, 200..5_000).await;
        }
    }

    async fn crash_all(&self) {
        for seat in Seat::ALL {
            if let Some(body) = self.world.body(seat) {
                body.kill("with all others");
            }
        }
        pass(self.world.chance.millis(100..5_000)).await;
        for seat in Seat::ALL {
            self.start(seat).await;
        }
    }

    async fn freeze(&self) {
        let (world, seat) = (&self.world, self.victim());
        let Some(body) = world.body(seat).filter(|body| !body.is_dead() && !body.is_frozen()) else { return };
        if world.leader(seat.role) == Some(seat) {
            world.trace.sometimes("a leader is stopped for a while");
        }
        body.freeze();
        pass(world.chance.millis(500..45_000)).await;
        body.thaw();
    }

    async fn freeze_at_step(&self) {
        let (world, replica) = (&self.world, self.world.chance.pick(&[1, 2]));
        let Some(body) = world.body(Seat { role: Role::Payment, replica }) else { return };
        if body.is_dead() || body.is_frozen() {
            return;
        }
        body.freeze_after(world.chance.number(0..12));
        // Long enough for another to have made the payment meanwhile.
        pass(world.chance.millis(32_000..90_000)).await;
        body.spare();
        if body.is_frozen() {
            body.thaw();
        }
    }

    async fn restart(&self, seat: Seat) {
        if self.world.body(seat).is_some_and(|body| body.is_frozen()) {
            return;
        }
        let world = &self.world;
        let leads = world.leader(seat.role) == Some(seat) && world.has_standby(seat);
        let undisturbed = world.calm.mark().filter(|_| world.calm.is_settled());
        world.stop(seat).await;
        if leads && undisturbed.is_some() {
            self.expect_successor(seat, undisturbed).await;
        }
        pass(self.world.chance.millis(50..1_000)).await;
        self.start(seat).await;
    }

    /// A journal that was handed over is taken over at once, not when the lease is over.
    async fn expect_successor(&self, seat: Seat, undisturbed: Option<u64>) {
        let world = &self.world;
        pass(TAKE_OVER).await;
        if world.calm.mark() == undisturbed {
            world.trace.sometimes("a journal is handed over undisturbed");
            if world.leader(seat.role).is_none() {
                world.breach(format!("HANDOVER: nobody leads {TAKE_OVER:?} after {} stopped", seat.name()));
            }
        }
    }

    async fn start(&self, seat: Seat) {
        if let Err(error) = self.world.start(seat).await {
            self.world.trace.note("nemesis", "cannot start", 0, || format!("{}: {error:#}", seat.name()));
        }
    }

    async fn network(&self, faults: NetFaults, lasting: Range<u64>) {
        self.world.broker.set_faults(faults);
        pass(self.world.chance.millis(lasting)).await;
        self.world.broker.set_faults(CALM);
    }

    fn noise(&self) -> NetFaults {
        let chance = &self.world.chance;
        let some = |most: f64| if chance.hits(0.5) { most } else { 0.0 };
        NetFaults {
            latency_ms: (0, chance.number(2..80)),
            unknown_before: some(0.05),
            unknown_after: some(0.05),
            late: some(0.03),
            lost_ack: some(0.1),
            lost_beat: some(0.3),
            duplicate_delivery: some(0.05),
            stall: some(0.05),
            ..NetFaults::none()
        }
    }

    async fn partition(&self) {
        let seat = self.victim();
        let Some(body) = self.world.body(seat) else { return };
        body.cut_off(Some(NetFaults { outage: true, ..CALM }));
        pass(self.world.chance.millis(500..40_000)).await;
        body.cut_off(None);
    }
}
