//! Leading: reading inputs, deciding, committing. One commit is under way while the next is decided.

mod commit;
mod park;

use std::{collections::VecDeque, sync::Arc};

use events::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{
    Decider, Journal, Positions, Role,
    fence::Lost,
    fold::Folded,
    inputs::{Content, Input, Inputs},
    tentative::{self, Cause, MAX_EVENTS, Panicked, Pending},
};
use crate::{
    commit::MAX_BATCH,
    dead_letter::{Cause as ParkedFor, chain},
    log::{Beat, Beats, Log},
    trace::TraceContext,
};

use self::commit::{UnderWay, committed};

/// Inputs decided on between two looks at everything else.
const AHEAD: usize = 4 * MAX_BATCH;

/// How leading ended.
pub(super) enum Led {
    /// Stopped in good order; the journal says so.
    HandedOver,
    /// Somebody else writes the journal.
    Lost,
    /// The decider panicked on this input; the state is to be rebuilt without it.
    Poisoned { stream: &'static str, sequence: u64 },
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
    /// What the broker's clock showed at some moment; `None` until it could be asked.
    broker_clock: Option<(Timestamp, Instant)>,
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
            broker_clock: None,
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
                _ = tick.tick() => if let Some(now) = self.broker_time().await {
                    self.tick(&decider, now);
                },
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

    /// The broker's time, which is the one time of all replicas: told by the last message of the journal that
    /// this process has written, and by the time since.
    async fn broker_time(&mut self) -> Option<Timestamp> {
        if self.broker_clock.is_none() {
            let (asked, journal) = (Instant::now(), self.journal.config.stream);
            let last = self.journal.log.get(journal, self.committed).await;
            self.broker_clock = last.ok().flatten().map(|message| (message.timestamp, asked));
        }
        self.broker_clock.map(|(at, since)| at.after(since.elapsed()))
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

    async fn beat(&mut self) {
        let beat = Beat {
            instance: self.journal.config.instance.clone(),
            epoch: self.folded.epoch,
            sequence: self.committed,
        };
        self.journal.log.beat(self.journal.config.stream, &beat).await;
    }
}

fn every(period: std::time::Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
