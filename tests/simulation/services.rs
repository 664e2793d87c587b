//! What each service is made of: its own parts, as its `lib.rs` puts them together.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use audit_service::projection::AuditTrail;
use events::catalogue::{
    ConsumerDef, INVENTORY, NOTIFICATION_ADVISORIES, NOTIFICATION_ORDERS, NOTIFICATION_REFUNDS,
    NOTIFICATIONS, ORDERS, PAYMENT_ADVISORIES, PAYMENT_CHARGE, PAYMENT_REFUND, PAYMENTS, REQUESTS,
};
use inventory_service::decider::InventoryDecider;
use messaging::worker::{RetryPolicy, WorkerConfig};
use notification_service::handlers::Notify;
use order_service::{decider::OrderDecider, projection::OrdersProjection, waiters::Waiters};
use payment_service::{
    gateway::{BreakerSettings, Guarded},
    handlers::{Charge, Payments, Refund},
};
use runtime::Clock;
use tokio::sync::watch;

use crate::{post::Post, process::Process, role::Role, sabotage::Guard, till::Till, world::World};

/// For how long the gateway may be at a request that nobody waits for any more.
const SETTLE: Duration = Duration::from_secs(20);
/// Messages a worker handles at once.
const CONCURRENCY: usize = 8;

/// Puts a process together.
pub(crate) async fn wire(process: &mut Process, world: &Arc<World>) -> anyhow::Result<()> {
    match process.seat.role {
        Role::Order => order(process, world).await,
        Role::Inventory => {
            inventory(process, world);
            Ok(())
        }
        Role::Payment => payment(process, world),
        Role::Notification => notification(process, world),
        Role::Audit => audit(process, world).await,
    }
}

async fn order(process: &mut Process, world: &World) -> anyhow::Result<()> {
    let decider = OrderDecider::new(world.plan.windows());
    let control = ORDERS.control.unwrap_or_default();
    process.orders = Some(process.journal(ORDERS.name, control, decider));
    process.requests = Some(process.commit(REQUESTS.name));
    let metrics = order_service::metrics::Metrics::register(&process.registry)?;
    let (reflected, _) = watch::channel(0);
    process.project(world, OrdersProjection::new(Waiters::default(), reflected, metrics)).await
}

fn inventory(process: &mut Process, _world: &World) {
    let decider = InventoryDecider::new(inventory_service::domain::Windows::DEFAULT);
    let control = INVENTORY.control.unwrap_or_default();
    process.stock = Some(process.journal(INVENTORY.name, control, decider));
    process.requests = Some(process.commit(REQUESTS.name));
}

fn payment(process: &mut Process, world: &World) -> anyhow::Result<()> {
    let metrics = payment_service::metrics::Metrics::register(&process.registry)?;
    let till = Till {
        bank: Arc::clone(&world.bank),
        body: Arc::clone(&process.body),
        chance: Arc::clone(&process.chance),
        off: world.off,
    };
    let failures = if world.off == Some(Guard::Breaker) { u32::MAX } else { 5 };
    let breaker =
        BreakerSettings { failures, open_max: Duration::from_secs(10), ..BreakerSettings::default() };
    let gateway = Guarded::new(till, breaker, &process.registry)?;
    let settle = if world.off == Some(Guard::Settle) { Duration::ZERO } else { SETTLE };
    let payments = Arc::new(Payments::new(gateway, settle, Arc::clone(&process.clock), metrics));
    let outcomes = process.commit(PAYMENTS.name);
    let charging = worker(process, PAYMENT_CHARGE);
    let refunding = WorkerConfig { concurrency: 2, ..worker(process, PAYMENT_REFUND) };
    process.worker(charging, Charge(Arc::clone(&payments)), outcomes.clone());
    process.worker(refunding, Refund(payments), outcomes);
    process.sweep(PAYMENT_ADVISORIES);
    Ok(())
}

fn notification(process: &mut Process, world: &World) -> anyhow::Result<()> {
    let metrics = notification_service::metrics::Metrics::register(&process.registry)?;
    let (body, chance) = (Arc::clone(&process.body), Arc::clone(&process.chance));
    let busy_for = if world.plan.gives_up { process.max_attempts } else { 1 };
    let post = Post { body, chance, busy_for, asked: Mutex::default() };
    let notify = Notify::new(post, Arc::clone(&process.clock), metrics);
    let outcomes = process.commit(NOTIFICATIONS.name);
    for consumer in [NOTIFICATION_ORDERS, NOTIFICATION_REFUNDS] {
        process.worker(worker(process, consumer), notify.clone(), outcomes.clone());
    }
    process.sweep(NOTIFICATION_ADVISORIES);
    Ok(())
}

async fn audit(process: &mut Process, world: &World) -> anyhow::Result<()> {
    let metrics = audit_service::metrics::Metrics::register(&process.registry)?;
    process.project(world, AuditTrail::new(Clock::system(), metrics)).await
}

fn worker(process: &Process, consumer: ConsumerDef) -> WorkerConfig {
    WorkerConfig {
        concurrency: CONCURRENCY,
        retry: RetryPolicy { max_attempts: process.max_attempts, ..RetryPolicy::default() },
        ..WorkerConfig::new(consumer, Arc::clone(&process.clock))
    }
}
