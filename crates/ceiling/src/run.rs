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

use crate::{Args, roles::Cast, streams, writer::Item};

/// Orders under way at once: as many as there are messages in a full batch of each of the two journals and in two of each of
/// the three other writers.
const IN_FLIGHT: u16 = 4_000;
/// Bytes of a message: about as many as an average one of the fleet has.
const PAYLOAD: usize = 550;
/// Left out before what is measured: connections and consumers are new, and batches have not found their size.
const WARM_UP: Duration = Duration::from_secs(3);
/// How often it is looked whether the flow is steady.
const LOOK: Duration = Duration::from_millis(50);

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
        slots: Semaphore::new(IN_FLIGHT.into()),
    });
    let orders = cast(args, &mut tasks, &exit).await?;
    tasks.spawn(place(orders, Arc::clone(&exit)));
    tokio::select! {
        figures = measure(args.seconds, &exit) => Ok(figures),
        Some(ended) = tasks.join_next() => {
            ended?.context("the measurement broke off")?;
            bail!("the measurement broke off: a writer or a reader ended too early")
        }
    }
}

/// Everybody in their place; what is sent to the result is placed.
async fn cast(
    args: &Args,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    exit: &Arc<Exit>,
) -> anyhow::Result<mpsc::Sender<Item>> {
    let mut cast = Cast { url: &args.nats_url, tasks };
    let client = streams::connect(&args.nats_url).await?;
    streams::create(&client, args.copies).await?;
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

async fn place(orders: mpsc::Sender<Item>, exit: Arc<Exit>) -> anyhow::Result<()> {
    let mut body = [b'x'; PAYLOAD];
    loop {
        exit.slots.acquire().await?.forget();
        body[..8].copy_from_slice(&exit.micros().to_le_bytes());
        let payload = Bytes::copy_from_slice(&body);
        orders.send(Item { subject: "requests.order.place", payload, stored: None }).await?;
    }
}

async fn measure(seconds: u64, exit: &Exit) -> Figures {
    sleep(WARM_UP).await;
    // What comes out before as many have gone through as are under way at once is no steady flow.
    while exit.done.load(Ordering::Relaxed) < u64::from(IN_FLIGHT) {
        sleep(LOOK).await;
    }
    exit.latency.lock().unwrap_or_else(PoisonError::into_inner).reset();
    let (before, start) = (exit.done.load(Ordering::Relaxed), Instant::now());
    sleep(Duration::from_secs(seconds)).await;
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
