//! Keeps so many orders under way and counts those that come out at the other end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use async_nats::jetstream::Message;
use bytes::Bytes;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::sleep,
};

use crate::{
    Args,
    roles::Cast,
    streams,
    writer::{Gather, Item},
};

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// Orders that came out at the other end, per second.
    orders_per_second: f64,
    /// For so long.
    seconds: f64,
    /// Orders in all, those before and after what was measured among them.
    orders: u64,
    /// From placing an order until its last message was read.
    latency_us: Latency,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p99: u64,
}

/// What is at the other end.
struct Exit {
    began: Instant,
    done: AtomicU64,
    latency: Mutex<Histogram<u64>>,
    slots: Semaphore,
}

impl Exit {
    /// An order is through.
    fn through(&self, message: &Message) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.slots.add_permits(1);
        let Some(placed) = message.payload.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else {
            return;
        };
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        // It grows with what is recorded.
        latency.record(self.micros().saturating_sub(placed)).ok();
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Measures.
///
/// # Errors
/// The broker is away, holds such streams already, or refuses a message.
pub(crate) async fn run(args: &Args) -> anyhow::Result<Figures> {
    let mut tasks = JoinSet::new();
    let exit = Arc::new(Exit {
        began: Instant::now(),
        done: AtomicU64::new(0),
        latency: Mutex::new(Histogram::new(3)?),
        slots: Semaphore::new(args.in_flight.try_into()?),
    });
    let orders = cast(args, &mut tasks, &exit).await?;
    tasks.spawn(place(args.payload, orders, Arc::clone(&exit)));
    tokio::select! {
        figures = measure(args, &exit) => Ok(figures),
        ended = tasks.join_next() => {
            ended.context("somebody plays")??.context("a part of the pattern failed")?;
            bail!("a part of the pattern ended")
        }
    }
}

/// Everybody in their place; what is sent to the result is placed.
async fn cast(
    args: &Args,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    exit: &Arc<Exit>,
) -> anyhow::Result<mpsc::Sender<Item>> {
    let gather = Gather { most: args.batch.into(), linger: Duration::from_millis(args.linger) };
    let mut cast = Cast { url: &args.nats_url, gather, tasks };
    let client = streams::connect(&args.nats_url).await?;
    streams::create(&client).await?;
    cast.journal(&["REQUESTS", "PAYMENTS"], |subject| match subject {
        "requests.order.place" => Some("orders.created"),
        "payments.captured" => Some("orders.confirmed"),
        _ => None,
    })
    .await?;
    cast.journal(&["ORDERS"], |subject| match subject {
        "orders.created" => Some("inventory.reserved"),
        "orders.confirmed" => Some("inventory.committed"),
        _ => None,
    })
    .await?;
    cast.worker("INVENTORY", "inventory.reserved", "payments.captured").await?;
    cast.worker("ORDERS", "orders.confirmed", "notifications.sent").await?;
    // The read model of orders, then the audit trail of everything.
    for stream in ["ORDERS", "REQUESTS", "ORDERS", "INVENTORY", "PAYMENTS"] {
        cast.reader(&client, stream, |_| ()).await?;
    }
    let exit = Arc::clone(exit);
    cast.reader(&client, "NOTIFICATIONS", move |message| exit.through(message)).await?;
    cast.callers().await
}

async fn place(payload: u32, orders: mpsc::Sender<Item>, exit: Arc<Exit>) -> anyhow::Result<()> {
    let mut body = vec![b'x'; payload.try_into()?];
    loop {
        exit.slots.acquire().await?.forget();
        body[..8].copy_from_slice(&exit.micros().to_le_bytes());
        let payload = Bytes::copy_from_slice(&body);
        orders.send(Item { subject: "requests.order.place", payload, stored: None }).await?;
    }
}

async fn measure(args: &Args, exit: &Exit) -> Figures {
    sleep(Duration::from_secs(args.warm_up)).await;
    exit.latency.lock().unwrap_or_else(PoisonError::into_inner).reset();
    let (before, start) = (exit.done.load(Ordering::Relaxed), Instant::now());
    sleep(Duration::from_secs(args.seconds)).await;
    let (orders, seconds) = (exit.done.load(Ordering::Relaxed), start.elapsed().as_secs_f64());
    let latency = exit.latency.lock().unwrap_or_else(PoisonError::into_inner);
    let at = |share| latency.value_at_quantile(share);
    Figures {
        #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
        orders_per_second: (orders - before) as f64 / seconds,
        seconds,
        orders,
        latency_us: Latency { p50: at(0.5), p99: at(0.99) },
    }
}
