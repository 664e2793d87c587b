//! How many of this service's dead letters wait for an operator, and for how long, as every replica tells it.
//!
//! Not a part of readiness: a service with a thousand dead letters works.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use events::{
    EventData, Timestamp,
    dead_letters::{LetterDiscarded, LetterRedriven},
};
use messaging::{
    clock::Clock,
    dead_letter::{self, Letter, LetterBook, STREAM, State},
    jetstream::JetStream,
    log::{Log, Reader},
    topology::REDRIVE,
};
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::debug;

/// Dead letters of the service that nobody has done anything about, by `service` and `cause`.
const OPEN: &str = "dead_letters_open";
/// Age of the oldest of them in seconds, 0 when there is none, by `service`.
const OLDEST: &str = "dead_letters_oldest_age_seconds";

/// Messages read at once.
const BATCH: usize = 256;
/// Nothing has come for so long: what can be read has been, and an operator's deed is told at once.
const QUIET: Duration = Duration::from_millis(500);
/// The gauges are told anew at least this often: the oldest letter gets older.
const TELL: Duration = Duration::from_secs(5);

/// What the gauges need of a letter.
#[derive(Debug, Clone)]
struct Brief {
    cause: String,
    at: Timestamp,
}

/// Follows the letters of one service.
pub(crate) struct Follower {
    log: JetStream,
    clock: Clock,
    service: &'static str,
    open: IntGaugeVec,
    oldest: IntGauge,
    book: LetterBook<Brief>,
    /// Causes that were told: once nobody waits for one any more, its gauge says 0.
    causes: BTreeSet<String>,
}

impl Follower {
    /// Registers the gauges.
    pub(crate) fn new(
        log: JetStream,
        clock: Clock,
        service: &'static str,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let help = "Dead letters that nobody has done anything about";
        let open = IntGaugeVec::new(Opts::new(OPEN, help), &["service", "cause"])?;
        let help = "Age of the oldest dead letter that nobody has done anything about, 0 without any";
        let oldest = IntGaugeVec::new(Opts::new(OLDEST, help), &["service"])?;
        registry.register(Box::new(open.clone()))?;
        registry.register(Box::new(oldest.clone()))?;
        let oldest = oldest.with_label_values(&[service]);
        Ok(Self { log, clock, service, open, oldest, book: LetterBook::default(), causes: BTreeSet::new() })
    }

    /// Reads, and tells, for ever. While the broker is away the gauges stay as they are, but for the age.
    pub(crate) async fn run(mut self) {
        let own = dead_letter::subject(self.service);
        let subjects = [own.as_str(), LetterRedriven::TYPE, LetterDiscarded::TYPE];
        let mut letters = self.log.read(STREAM, &subjects, 0);
        let mut redrives = self.log.read(REDRIVE, &[], 0);
        let mut tell = interval_at(Instant::now() + TELL, TELL);
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut news = true;
        loop {
            tokio::select! {
                batch = letters.next_batch(BATCH) => {
                    batch.iter().for_each(|message| self.book.read(message, Brief::of));
                    news = true;
                }
                batch = redrives.next_batch(BATCH) => {
                    batch.iter().for_each(|message| self.book.read_redrive(message));
                    news = true;
                }
                () = sleep(QUIET), if news => {
                    self.tell();
                    news = false;
                }
                _ = tell.tick() => {
                    self.forget().await;
                    self.tell();
                }
            }
        }
    }

    /// Forgets what has aged out of the stream: nobody can do anything about it any more.
    async fn forget(&mut self) {
        match self.log.extent(STREAM).await {
            Ok(extent) => self.book.forget_before(extent.first),
            Err(error) => debug!(%error, "cannot look at the dead letters"),
        }
    }

    fn tell(&mut self) {
        let (open, oldest) = waiting(&self.book);
        self.causes.extend(open.keys().map(|cause| (*cause).to_owned()));
        for cause in &self.causes {
            let count = open.get(cause.as_str()).copied().unwrap_or(0);
            self.open.with_label_values(&[self.service, cause]).set(count);
        }
        let age = oldest.map_or(Duration::ZERO, |oldest| (self.clock)().since(oldest));
        self.oldest.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
    }
}

impl Brief {
    fn of(letter: Letter) -> Self {
        Self { cause: letter.cause, at: letter.at }
    }
}

/// How many letters wait for an operator, by cause, and since when.
fn waiting(book: &LetterBook<Brief>) -> (BTreeMap<&str, i64>, Option<Timestamp>) {
    let (mut count, mut oldest) = (BTreeMap::new(), None::<Timestamp>);
    for entry in book.entries().filter(|entry| entry.state() == State::Open) {
        *count.entry(entry.letter.cause.as_str()).or_default() += 1;
        oldest = Some(oldest.map_or(entry.letter.at, |oldest| oldest.min(entry.letter.at)));
    }
    (count, oldest)
}
