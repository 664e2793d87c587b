//! Leading: reading inputs, deciding, committing. One commit is under way while the next is decided.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use events::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{
    Decider, Journal, Positions, Role,
    control::Control,
    fence::{self, Lost},
    fold::Folded,
    handle::Answer,
    inputs::{Content, Input, Inputs},
    snapshot,
    tentative::{self, Cause, MAX_EVENTS, Panicked, Pending},
};
use crate::{
    commit::MAX_BATCH,
    dead_letter::{Cause as ParkedFor, Failure, chain},
    log::{Beat, Beats, Log},
    trace::TraceContext,
};

/// Messages beyond which no more inputs are decided on before a commit: what one input may decide still
/// fits the largest batch.
const ENOUGH: usize = MAX_BATCH - MAX_EVENTS;
/// Bytes beyond which no more inputs are decided on before a commit.
const ENOUGH_BYTES: usize = 4 * 1024 * 1024;
/// Inputs decided on between two looks at everything else.
const AHEAD: usize = 4 * MAX_BATCH;
/// Time a stopping leader gives the broker to take its last commit and the hand-over.
const HAND_OVER: std::time::Duration = std::time::Duration::from_secs(5);

/// How leading ended.
pub(super) enum Led {
    /// Stopped in good order; the journal says so.
    HandedOver,
    /// Somebody else writes the journal.
    Lost,
    /// The decider panicked on this input; the state is to be rebuilt without it.
    Poisoned { stream: &'static str, sequence: u64 },
}

type Commit = Pin<Box<dyn Future<Output = Result<u64, Lost>> + Send>>;

/// A commit under way, and what to do once it is stored.
struct UnderWay {
    commit: Commit,
    messages: usize,
    started: Instant,
    positions: Positions,
    answers: Vec<Answer>,
    _spans: Vec<tracing::Span>,
}

/// A leader's turn.
struct Turn<'a, L, D: Decider> {
    journal: &'a mut Journal<L, D>,
    /// The state with everything decided, committed or not.
    folded: Folded<D::State>,
    /// The last sequence that is committed, and how far the inputs were consumed at it.
    committed: u64,
    positions: Positions,
    pending: Pending,
    under_way: Option<UnderWay>,
    backlog: VecDeque<Input<D::Input>>,
    /// When the commit may start, while waiting for company.
    linger_until: Option<Instant>,
    /// Positions moved since this time without being written down.
    unwritten_since: Option<Instant>,
    snapshot_due: bool,
    snapshot_sequence: u64,
    snapshots: JoinSet<()>,
}

impl<L: Log, D: Decider> Journal<L, D> {
    /// Leads until told to stop or until somebody else does.
    pub(super) async fn lead(&mut self, folded: Folded<D::State>, stop: &CancellationToken) -> Led {
        let (committed, positions) = (folded.sequence, folded.positions.clone());
        let mut turn = Turn {
            journal: self,
            folded,
            committed,
            positions,
            pending: Pending::default(),
            under_way: None,
            backlog: VecDeque::new(),
            linger_until: None,
            unwritten_since: None,
            snapshot_due: false,
            snapshot_sequence: committed,
            snapshots: JoinSet::new(),
        };
        let led = turn.run(stop).await;
        turn.report(Role::Following);
        led
    }
}

impl<L: Log, D: Decider> Turn<'_, L, D> {
    async fn run(&mut self, stop: &CancellationToken) -> Led {
        let config = self.journal.config.clone();
        let decider = self.journal.shared_decider();
        self.park_foreign().await;
        let mut inputs = Inputs::open(&self.journal.log, &decider, &self.folded.positions);
        let mut beats = self.journal.log.beats(config.stream);
        let mut beat = every(config.beat);
        let mut tick = every(std::time::Duration::from_secs(1));
        let mut snapshot = every(config.snapshot_interval);
        snapshot.reset();
        loop {
            if let Err(led) = self.decide_backlog(&decider).await {
                return led;
            }
            self.snapshot_if_due();
            self.commit_if_due();
            self.report(Role::Leading);
            let wake = self.wake();
            tokio::select! {
                outcome = committed(&mut self.under_way) => match outcome {
                    Ok(sequence) => self.settle(sequence),
                    Err(Lost) => return Led::Lost,
                },
                batch = inputs.next(), if self.backlog.len() < AHEAD => {
                    self.journal.config.linger.note(batch.len(), Instant::now());
                    self.backlog.extend(batch);
                }
                () = sleep_until(wake) => {}
                query = Journal::<L, D>::next_query(&mut self.journal.queries) => self.answer(query),
                _ = tick.tick() => self.tick(&decider, (config.clock)()),
                _ = beat.tick() => self.beat().await,
                heard = beats.next() => if heard.epoch > self.folded.epoch {
                    return Led::Lost;
                },
                _ = snapshot.tick() => self.snapshot_due |= self.committed > self.snapshot_sequence,
                () = stop.cancelled() => return self.hand_over().await,
            }
        }
    }

    /// Decides on what has been read, as far as the next commit has room.
    async fn decide_backlog(&mut self, decider: &Arc<D>) -> Result<(), Led> {
        while !self.snapshot_due && self.has_room() {
            let Some(input) = self.backlog.pop_front() else { break };
            let (stream, sequence) = (input.stream, input.sequence);
            if sequence <= self.folded.positions.get(stream) {
                continue;
            }
            let before = self.pending.messages.len();
            match input.content {
                Content::Ignored => {}
                Content::Undecodable { message, error } => {
                    self.park(stream, &message, ParkedFor::Undecodable, chain(&error)).await;
                }
                Content::Decide { .. } if self.journal.poisoned.contains(&(stream, sequence)) => {
                    self.park_poisoned(stream, sequence).await;
                }
                Content::Decide { input, at, id, trace, kind, aggregate } => {
                    let name = format!("{stream}:{sequence}");
                    let cause = Cause { name: &name, id, at, trace: &trace };
                    let journal = self.journal.config.stream;
                    let (folded, pending) = (&mut self.folded, &mut self.pending);
                    let about = (kind.as_str(), aggregate.as_str());
                    tentative::decide(&**decider, journal, folded, &input, &cause, about, pending).map_err(
                        |Panicked| {
                            error!(journal, stream, sequence, "deciding on an input panicked");
                            Led::Poisoned { stream, sequence }
                        },
                    )?;
                }
            }
            self.folded.positions.set(stream, sequence);
            if self.pending.messages.len() == before {
                self.unwritten_since.get_or_insert_with(Instant::now);
            }
        }
        self.checkpoint_if_due();
        Ok(())
    }

    /// Parks what stands in the stream without being part of the journal.
    async fn park_foreign(&mut self) {
        while let Some(message) = self.journal.foreign.front().cloned() {
            let stream = self.journal.config.stream;
            let error = "it was not written by the journal's writer".to_owned();
            self.park(stream, &message, ParkedFor::Foreign, error).await;
            self.journal.foreign.pop_front();
        }
    }

    async fn park(&mut self, stream: &str, message: &crate::log::Stored, cause: ParkedFor, error: String) {
        let consumer = self.journal.config.stream;
        self.journal
            .dead_letters
            .park(&Failure { message, stream, consumer, cause, error, attempts: 1 })
            .await;
    }

    async fn park_poisoned(&mut self, stream: &str, sequence: u64) {
        loop {
            match self.journal.log.get(stream, sequence).await {
                Ok(Some(message)) => {
                    let error = "the decider panicked on it".to_owned();
                    return self.park(stream, &message, ParkedFor::Panicked, error).await;
                }
                Ok(None) => return,
                Err(_away) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            }
        }
    }

    /// Writes positions down that moved without events, when nothing else has for a while.
    fn checkpoint_if_due(&mut self) {
        if !self.pending.messages.is_empty() {
            self.unwritten_since = None;
        }
        let config = &self.journal.config;
        if self.unwritten_since.is_some_and(|since| since.elapsed() >= config.checkpoint)
            && self.under_way.is_none()
        {
            let checkpoint = Control::Checkpoint { epoch: self.folded.epoch };
            let message = checkpoint.message(config.stream, config.control, self.committed, (config.clock)());
            self.pending.messages.push(message);
            self.unwritten_since = None;
        }
    }

    /// Starts the next commit, unless one is under way or company is still awaited.
    fn commit_if_due(&mut self) {
        if self.under_way.is_some() || self.pending.messages.is_empty() {
            return;
        }
        let now = Instant::now();
        let wait = self.journal.config.linger.wait(self.pending.messages.len());
        let until = *self.linger_until.get_or_insert(now + wait);
        if wait.is_zero() || self.snapshot_due || until <= now {
            self.start_commit();
        }
    }

    fn start_commit(&mut self) {
        self.linger_until = None;
        let mut pending = std::mem::take(&mut self.pending);
        pending.seal(&self.folded.positions);
        let (log, metrics) = (self.journal.log.clone(), self.journal.metrics.clone());
        let (journal, after, messages) = (self.journal.config.stream, self.committed, pending.messages);
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        metrics.commit_size.with_label_values(&[journal]).observe(messages.len() as f64);
        let count = messages.len();
        let commit = async move { fence::commit(&log, journal, messages, after, &metrics).await };
        self.under_way = Some(UnderWay {
            commit: Box::pin(commit),
            messages: count,
            started: Instant::now(),
            positions: self.folded.positions.clone(),
            answers: pending.answers,
            _spans: pending.spans,
        });
    }

    fn settle(&mut self, sequence: u64) {
        self.committed = sequence;
        if let Some(done) = self.under_way.take() {
            let seconds = done.started.elapsed().as_secs_f64();
            self.journal
                .metrics
                .commit_seconds
                .with_label_values(&[self.journal.config.stream])
                .observe(seconds);
            self.positions = done.positions;
            done.answers.into_iter().for_each(|answer| answer());
        }
        let since = sequence.saturating_sub(self.snapshot_sequence);
        self.snapshot_due |= since >= self.journal.config.snapshot_messages;
    }

    /// Reads the state, and answers once everything it reflects is committed.
    fn answer(&mut self, query: super::Query<D::State>) {
        let decided = self.under_way.as_ref().map_or(0, |under_way| under_way.messages);
        let decided = decided + self.pending.messages.len();
        // Where the last message decided will stand: a commit leaves no room for anybody else's.
        let answer = query(&self.folded.state, self.committed + decided as u64);
        if !self.pending.messages.is_empty() {
            self.pending.answers.push(answer);
        } else if let Some(under_way) = &mut self.under_way {
            under_way.answers.push(answer);
        } else {
            answer();
        }
    }

    fn tick(&mut self, decider: &D, now: Timestamp) {
        if self.snapshot_due || !self.has_room() {
            return;
        }
        let events = decider.tick(&self.folded.state, now);
        let name = format!("tick:{}:{}", self.folded.epoch, now.0);
        for (index, (event, trace_id)) in events.into_iter().take(MAX_EVENTS).enumerate() {
            let trace = TraceContext::unsampled(trace_id);
            let id = events::ids::derive(&[self.journal.config.stream, &name]);
            let cause = Cause { name: &name, id, at: now, trace: &trace };
            let message = tentative::record(
                decider,
                self.journal.config.stream,
                &mut self.folded,
                &event,
                &cause,
                index,
            );
            self.pending.messages.push(message);
        }
    }

    fn report(&self, role: Role) {
        let caught_up = role == Role::Leading;
        self.journal.report(role, self.folded.epoch, self.committed, &self.positions, caught_up);
    }

    fn has_room(&self) -> bool {
        self.pending.messages.len() < ENOUGH && self.pending.bytes() < ENOUGH_BYTES
    }

    async fn beat(&mut self) {
        let beat = Beat {
            instance: self.journal.config.instance.clone(),
            epoch: self.folded.epoch,
            sequence: self.committed,
        };
        self.journal.log.beat(self.journal.config.stream, &beat).await;
    }

    /// Takes a snapshot once everything decided is committed; nothing is decided until then.
    fn snapshot_if_due(&mut self) {
        while self.snapshots.try_join_next().is_some() {}
        if !self.snapshot_due || self.under_way.is_some() || !self.pending.messages.is_empty() {
            return;
        }
        self.snapshot_due = false;
        self.snapshot_sequence = self.committed;
        let (journal, sequence) = (self.journal.config.stream, self.committed);
        match snapshot::encode::<D>(&self.folded, sequence) {
            Ok(body) => {
                self.snapshots.spawn(snapshot::save(self.journal.log.clone(), journal, sequence, body));
            }
            Err(error) => error!(journal, %error, "the state cannot be written down"),
        }
    }

    /// Commits what is decided, says in the journal that this process is done, and is.
    async fn hand_over(&mut self) -> Led {
        let finished = tokio::time::timeout(HAND_OVER, self.finish()).await;
        let journal = self.journal.config.stream;
        match finished {
            Ok(Ok(())) => {
                info!(journal, sequence = self.committed, "journal handed over");
                self.journal.count("handed_over");
            }
            Ok(Err(Lost)) => info!(journal, "the journal has another leader already"),
            Err(_elapsed) => {
                error!(journal, "could not hand the journal over in time; a follower will take it")
            }
        }
        Led::HandedOver
    }

    async fn finish(&mut self) -> Result<(), Lost> {
        let config = self.journal.config.clone();
        loop {
            if self.under_way.is_some() {
                let sequence = committed(&mut self.under_way).await?;
                self.settle(sequence);
            }
            if self.pending.messages.is_empty() {
                break;
            }
            self.start_commit();
        }
        let done = Control::HandOver { instance: config.instance.clone(), epoch: self.folded.epoch };
        let message = done.message(config.stream, config.control, self.committed, (config.clock)());
        self.pending.messages.push(message);
        self.start_commit();
        let sequence = committed(&mut self.under_way).await?;
        self.settle(sequence);
        Ok(())
    }

    /// When something is due that no event announces.
    fn wake(&self) -> Option<Instant> {
        let checkpoint = self.unwritten_since.map(|since| since + self.journal.config.checkpoint);
        let waits = [self.linger_until, checkpoint];
        waits.into_iter().flatten().filter(|_| self.under_way.is_none()).min()
    }
}

fn every(period: std::time::Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn committed(under_way: &mut Option<UnderWay>) -> Result<u64, Lost> {
    match under_way {
        Some(under_way) => (&mut under_way.commit).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
