//! A fleet of real processes with products in stock, and what every test asks of it at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use events::{EventData, OrderId, RawEnvelope, requests::PlaceOrder};
use messaging::{
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Reader, Stored},
};
use orderfleet::{
    client::{AuditClient, OrderBody, OrderClient, OrderLine, StockClient},
    fleet::{Fleet, FleetOptions, Proc},
    load::{Load, Mix, Options, Plan, Results},
    verify::{self, Expectations, Report, Target},
};
use testkit::eventually;

/// How long a condition may take that is met at once on an idle machine.
pub const SOON: Duration = Duration::from_secs(30);
/// The journals, and who writes them.
pub const JOURNALS: [(&str, &str); 2] = [("order-service", "ORDERS"), ("inventory-service", "INVENTORY")];
/// How long everything may take to finish when the load is over.
const SETTLE: Duration = Duration::from_secs(120);

/// Messages read from a stream at once.
const READ: usize = 1_000;

/// A fleet, and those who call it.
pub struct Shop {
    /// The processes.
    pub fleet: Fleet,
    /// Calls the first order service.
    pub orders: OrderClient,
    /// Calls the first inventory service.
    pub stock: StockClient,
    /// Calls the first audit service.
    pub audit: AuditClient,
}

impl Shop {
    /// Starts the fleet.
    pub async fn open(options: FleetOptions) -> anyhow::Result<Self> {
        let fleet = Fleet::start(options).await?;
        Ok(Self {
            orders: OrderClient::new(&fleet.url("order-service")?)?,
            stock: StockClient::new(&fleet.url("inventory-service")?)?,
            audit: AuditClient::new(&fleet.url("audit-service")?)?,
            fleet,
        })
    }

    /// Puts in stock what the plan needs, and begins to place its orders at every order service.
    pub async fn load(&self, plan: Plan) -> anyhow::Result<Load> {
        self.load_with(plan, Options::default()).await
    }

    /// As [`Shop::load`], with callers who behave as told.
    pub async fn load_with(&self, plan: Plan, options: Options) -> anyhow::Result<Load> {
        for (sku, pieces) in plan.stock() {
            self.stock.set(sku, pieces, Some(&plan.run)).await?;
        }
        let clients = self.replicas("order-service").into_iter().map(|proc| OrderClient::new(&proc.url()));
        Ok(Load::start(plan, clients.collect::<Result<_, _>>()?, options))
    }

    /// All replicas of a service.
    pub fn replicas(&self, service: &str) -> Vec<Arc<Proc>> {
        self.fleet.processes().into_iter().filter(|proc| proc.service() == service).collect()
    }

    /// Verifies that the promise holds for everything, and that nothing is open.
    pub async fn verify(&self, accepted: Vec<OrderId>) -> anyhow::Result<Report> {
        self.verify_against(Expectations { complete: true, accepted, ..Expectations::default() }).await
    }

    /// Verifies that the promise holds, and what else is expected.
    pub async fn verify_against(&self, expected: Expectations) -> anyhow::Result<Report> {
        let options = verify::Options { wait: SETTLE };
        let report = verify::run(&Target::of(&self.fleet)?, &expected, &options, |_| {}).await?;
        let broken: Vec<_> = report.checks.iter().filter(|check| !check.violations.is_empty()).collect();
        ensure!(report.holds(), "the promise is broken: {broken:#?}");
        ensure!(report.settled, "something is still open: {:#?}", report.open_orders);
        Ok(report)
    }

    /// Waits for the load, and verifies that its callers saw nothing strange and that the promise holds.
    pub async fn verify_load(&self, load: Load) -> anyhow::Result<(Results, Report)> {
        let results = load.finish().await?;
        let (count, first) = (results.surprises.count, &results.surprises.first);
        ensure!(count == 0, "{count} unexpected answers: {first:#?}");
        let report = self.verify(results.accepted.clone()).await?;
        Ok((results, report))
    }

    /// The one replica that leads the journal of `service`, and the others.
    pub async fn leader(&self, service: &str, journal: &str) -> (Arc<Proc>, Vec<Arc<Proc>>) {
        eventually(SOON, "exactly one leader", async || {
            let mut leaders = Vec::new();
            let mut others = Vec::new();
            for proc in self.replicas(service) {
                let leads = proc.is_running() && leads(&proc, journal).await;
                if leads { leaders.push(proc) } else { others.push(proc) }
            }
            let only = leaders.pop().filter(|_| leaders.is_empty());
            only.map(|leader| (leader, others))
        })
        .await
    }

    /// Stops everything in order; every process must end well.
    pub async fn close(self) -> anyhow::Result<()> {
        for exit in self.fleet.shutdown().await? {
            ensure!(exit.status.success(), "{} ended with {}", exit.name, exit.status);
        }
        Ok(())
    }
}

/// Calls processes on this machine.
pub fn http() -> anyhow::Result<reqwest::Client> {
    Ok(runtime::http_client().no_proxy().build()?)
}

/// Whether the process says of itself that it leads the journal.
pub async fn leads(proc: &Proc, journal: &str) -> bool {
    metric(proc, &format!("journal_leader{{journal=\"{journal}\"}}")).await == Some(1.0)
}

/// One metric of a process, by its name and labels; `None` when it is not there or nobody answers.
pub async fn metric(proc: &Proc, name: &str) -> Option<f64> {
    let answer = http().ok()?.get(format!("{}/metrics", proc.url())).send().await.ok()?;
    let text = answer.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// A busy day in the shop: so many orders, so many of them per second.
pub fn busy_day(name: &str, orders: u64, rate: f64) -> Plan {
    Plan { orders, rate, mix: Mix::SHOP, run: name.to_owned() }
}

/// An order of so many lamps.
pub fn lamps(customer: &str, quantity: u32) -> OrderBody {
    OrderBody {
        customer_id: customer.to_owned(),
        currency: "EUR".to_owned(),
        payment_method: "tok_visa".to_owned(),
        lines: vec![OrderLine { sku: "LAMP".to_owned(), quantity, unit_price: 3_900 }],
    }
}

/// The epochs of a journal's writers in the order of its messages, each once per run of messages.
pub async fn writers(shop: &Shop, journal: &'static str) -> anyhow::Result<Vec<u64>> {
    let mut epochs = Vec::new();
    for message in stored(shop, journal).await? {
        let epoch = message.headers.get("Fleet-Epoch").context("a message without its epoch")?.parse()?;
        if epochs.last() != Some(&epoch) {
            epochs.push(epoch);
        }
    }
    Ok(epochs)
}

/// A connection to the broker of the fleet, as any program of the user's could have one.
pub async fn log(shop: &Shop) -> anyhow::Result<JetStream> {
    let (urls, service, instance) = (shop.fleet.broker().url(), "tests".to_owned(), "reader".to_owned());
    let log = JetStream::connect(ConnectOptions { urls, service, instance }).await?;
    log.connected().wait_for(|connected| *connected).await?;
    Ok(log)
}

/// Every message of a stream.
pub async fn stored(shop: &Shop, stream: &'static str) -> anyhow::Result<Vec<Stored>> {
    let log = log(shop).await?;
    let last = log.extent(stream).await?.last;
    let mut reader = log.read(stream, &[], 0);
    let mut messages: Vec<Stored> = Vec::new();
    while messages.last().map_or(0, |message| message.sequence) < last {
        messages.extend(reader.next_batch(READ).await);
    }
    Ok(messages)
}

/// How many orders callers have asked for, as far as the broker knows: each once, however often it was asked for.
pub async fn orders_requested(shop: &Shop) -> anyhow::Result<u64> {
    let requests = stored(shop, "REQUESTS").await?;
    let placed = requests.iter().filter(|request| request.subject == PlaceOrder::TYPE);
    let orders: BTreeSet<_> = placed
        .filter_map(|request| Some(RawEnvelope::parse(&request.payload).ok()?.aggregate_id.into_owned()))
        .collect();
    Ok(orders.len() as u64)
}

/// Messages by subject.
pub fn by_subject(messages: &[Stored]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for message in messages {
        *counts.entry(message.subject.as_str()).or_default() += 1;
    }
    counts
}
