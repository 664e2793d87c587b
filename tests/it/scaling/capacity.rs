//! What a rate of orders takes: plain arithmetic, so that everybody can check it.

use std::collections::BTreeMap;

/// Messages of an order in each of the two journals.
const IN_JOURNAL: f64 = 2.0;
/// Messages of an order that carry an id: request, payment, notification.
const WITH_ID: f64 = 3.0;
const DAY: f64 = 86_400.0;

/// The figures that the model begins with, by name.
pub(super) struct Given(pub(super) BTreeMap<String, Vec<f64>>);

/// What a part can carry, in orders a second, nothing kept free.
pub(super) struct Bounds {
    pub(super) commits: f64,
    pub(super) leader: f64,
    pub(super) stream: f64,
}

impl Bounds {
    pub(super) fn lowest(&self) -> (&'static str, f64) {
        let all = [("commits", self.commits), ("leader", self.leader), ("stream", self.stream)];
        all.into_iter().fold(("", f64::INFINITY), |low, one| if one.1 < low.1 { one } else { low })
    }
}

/// What a rate takes.
pub(super) struct Needs {
    /// In orders a second.
    pub(super) rate: f64,
    pub(super) service_cores: f64,
    pub(super) broker_cores: f64,
    pub(super) clusters: f64,
    pub(super) journals: f64,
    pub(super) stock_journals: f64,
    pub(super) read_models: f64,
    pub(super) trails: f64,
    pub(super) payment_services: f64,
    pub(super) remembered_bytes: f64,
    pub(super) ids_bytes: f64,
    pub(super) journal_bytes: f64,
    pub(super) disk_bytes_a_day: f64,
}

impl Given {
    fn all(&self, name: &str) -> &[f64] {
        self.0.get(name).unwrap_or_else(|| panic!("docs/scaling.json has no input {name}"))
    }

    /// A figure; of several, that at the highest rate.
    pub(super) fn of(&self, name: &str) -> f64 {
        *self.all(name).last().unwrap_or_else(|| panic!("docs/scaling.json has no figure for {name}"))
    }

    /// Cores for what costs so much of an order at the rates at which it was measured. In between they are interpolated,
    /// because batches grow with the rate; beyond, an order costs what it did at the nearest one.
    fn cores(&self, cost: &str, rate: f64) -> f64 {
        let points: Vec<_> = self.all("measured_rates").iter().zip(self.all(cost)).collect();
        let cores = |&(at, us): &(&f64, &f64)| at * us / 1e6;
        for pair in points.windows(2) {
            let [low, high] = pair else { continue };
            if (*low.0..=*high.0).contains(&rate) {
                let share = (rate - low.0) / (high.0 - low.0);
                return cores(low) + share * (cores(high) - cores(low));
            }
        }
        let nearest = if rate < *points[0].0 { points[0].1 } else { points[points.len() - 1].1 };
        rate * nearest / 1e6
    }

    /// The share of anything that is made use of.
    pub(super) fn used(&self) -> f64 {
        1.0 - self.of("spare") / 100.0
    }

    /// Messages after which a leader decides nothing more before the next commit.
    pub(super) fn enough(&self) -> f64 {
        self.of("batch") - 2.0 * (self.of("events_of_an_input") + 2.0)
    }

    /// One journal of orders, when a commit takes so long: one batch is under way at a time.
    pub(super) fn journal(&self, commit_ms: f64) -> Bounds {
        self.bounds(commit_ms, "order_leader")
    }

    /// One journal of stock.
    pub(super) fn stock(&self, commit_ms: f64) -> Bounds {
        self.bounds(commit_ms, "stock_leader")
    }

    fn bounds(&self, commit_ms: f64, leader: &str) -> Bounds {
        Bounds {
            commits: self.enough() / IN_JOURNAL * 1_000.0 / commit_ms,
            leader: 1e9 / (self.of(leader) * self.of("instruction_ns")),
            stream: self.of("stream_per_second") / IN_JOURNAL,
        }
    }

    /// What one of each part carries, in orders a second, and why; what is to be kept free is.
    pub(super) fn parts(&self) -> Vec<(&'static str, f64, &'static str)> {
        let (used, commit) = (self.used(), self.of("commit_ms"));
        vec![
            ("the card gateway, by default", self.of("gateway_per_second"), "its own limit per account"),
            (
                "order's read model",
                used * 1e6 / self.beside_the_leader(),
                "one projector per database; HTTP is counted in, so more",
            ),
            (
                "the audit trail",
                used * 1e6 / self.of("audit_us"),
                "one projector per database, a chain of hashes per stream",
            ),
            ("INVENTORY", used * self.stock(commit).lowest().1, "one leader, one stream"),
            ("ORDERS", used * self.journal(commit).lowest().1, "one leader, one stream"),
            ("REQUESTS", used * self.of("stream_per_second"), "one stream; several batches may be under way"),
            (
                "a cluster of three servers",
                self.cluster(),
                "processors; each copy costs as much as the first",
            ),
            (
                "payments under way",
                self.of("in_hand") * 1_000.0 / self.of("gateway_ms"),
                "messages in hand of one consumer, while the gateway answers",
            ),
        ]
    }

    fn cluster(&self) -> f64 {
        self.used() * self.of("server_cores") * 1e6 / self.of("broker_us")
    }

    fn beside_the_leader(&self) -> f64 {
        self.of("order_us") - self.of("order_leader") * self.of("instruction_ns") / 1_000.0
    }

    /// What one fleet as built carries, in orders a second, once its gateway allows it.
    pub(super) fn one_fleet(&self) -> f64 {
        let carried = self.parts().into_iter().skip(1).map(|(_, rate, _)| rate);
        carried.fold(f64::INFINITY, f64::min)
    }

    /// Cores of all services, standbys included. What two replicas took beyond one has the broker's and the generator's
    /// share in it, which is then counted twice.
    fn service_cores(&self, rate: f64) -> f64 {
        let all = ["order_us", "inventory_us", "payment_us", "notification_us", "audit_us"];
        let standbys = rate * (self.of("cores_paired") - self.of("cores_alone")) / 1_000.0;
        all.iter().map(|service| self.cores(service, rate)).sum::<f64>() + standbys
    }

    /// Memory of one leader, all shards together, or of one standby.
    fn remembered_bytes(&self, rate: f64) -> f64 {
        let settled = self.of("repeat_minutes") * 60.0;
        let late = self.of("never_paid") / 1_000.0 * self.of("late_days") * DAY;
        let open = self.of("open_seconds") * self.of("open_bytes");
        rate * (settled * self.of("settled_bytes") + late * self.of("late_bytes") + open)
    }

    /// What so many orders a second take.
    pub(super) fn needs(&self, rate: f64) -> Needs {
        let (used, commit) = (self.used(), self.of("commit_ms"));
        let (clusters, streams) = ((rate / self.cluster()).ceil(), self.of("stream_bytes"));
        let per_order = self.of("disk_bytes") + (self.of("copies") - 1.0) * streams;
        Needs {
            rate,
            service_cores: self.service_cores(rate) / used,
            broker_cores: self.of("copies") * self.cores("broker_us", rate) / used,
            clusters,
            journals: shards(rate / (used * self.journal(commit).lowest().1)),
            stock_journals: shards(rate / (used * self.stock(commit).lowest().1)),
            read_models: (rate * self.beside_the_leader() / 1e6 / used).ceil(),
            trails: (rate * self.of("audit_us") / 1e6 / used).ceil(),
            payment_services: (rate * self.of("gateway_ms") / 1_000.0 / self.of("charges") / used).ceil(),
            remembered_bytes: self.remembered_bytes(rate),
            ids_bytes: rate / clusters * WITH_ID * self.of("window_seconds") * self.of("id_bytes"),
            journal_bytes: rate * self.of("max_age_days") * DAY * self.of("journal_bytes"),
            disk_bytes_a_day: rate * DAY * per_order,
        }
    }
}

/// The next power of two: shards are doubled.
fn shards(at_least: f64) -> f64 {
    at_least.max(1.0).log2().ceil().exp2()
}

#[test]
fn shards_are_powers_of_two() {
    for (at_least, shards_of) in [(0.1, 1.0), (1.0, 1.0), (1.1, 2.0), (2.0, 2.0), (5.0, 8.0), (16.1, 32.0)] {
        assert_eq!(shards(at_least), shards_of);
    }
}

#[test]
fn cores_are_those_that_were_measured_and_lie_between_them() {
    let given = [("measured_rates", vec![100.0, 200.0, 400.0]), ("cost", vec![1e4, 1e4, 2.5e3])];
    let given = Given(given.map(|(name, values)| (name.to_owned(), values)).into());
    let rates = [50.0, 100.0, 200.0, 300.0, 400.0, 800.0];
    assert_eq!(rates.map(|rate| given.cores("cost", rate)), [0.5, 1.0, 2.0, 1.5, 1.0, 2.0]);
}
