//! Leading: reading inputs, deciding, committing. One commit is under way while the next is decided.

mod commit;
mod look;
mod next;
mod park;
mod snapshots;
mod time;

use std::collections::VecDeque;

use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use super::{
    Decider, Journal, Positions, Role,
    control::Place,
    fence::Lost,
    fold::Folded,
    inputs::{Content, Input, Inputs},
    tentative::{Causation, Pending, Tentative, Undecided},
};
use crate::{
    commit::{Lingering, MAX_BATCH},
    dead_letter::Cause,
    log::{Beat, Beats, Log},
};

use self::{
    commit::{UnderWay, committed},
    look::{Look, look},
    park::{Parking, parked},
    snapshots::Snapshots,
    time::BrokerClock,
};

/// Inputs decided on between two looks at everything else.
const AHEAD: usize = 4 * MAX_BATCH;

/// How leading ended.
pub(super) enum Led {
    /// Stopped in good order; the journal says so.
    HandedOver,
    /// Somebody else writes the journal.
    Lost,
    /// Folding the outcome of this input panicked; the state is to be rebuilt without it.
    Poisoned { stream: &'static str, sequence: u64, error: String },
    /// Folding what followed from time having passed panicked; the state is to be rebuilt.
    TickBroke,
}

/// The journal's active writer, until it loses the journal or hands it over.
struct Leader<'a, L, D: Decider> {
    journal: &'a mut Journal<L, D>,
    /// The state with everything decided, committed or not.
    folded: Folded<D::State>,
    /// The last sequence that is committed, and how far the inputs were consumed at it.
    committed: u64,
    positions: Positions,
    pending: Pending,
    under_way: Option<UnderWay>,
    backlog: VecDeque<Input<D::Input>>,
    /// Put back, of inputs that are yet to be read.
    early: VecDeque<Input<D::Input>>,
    /// An input that becomes a dead letter; nothing is decided until it is one.
    parking: Option<Parking>,
    /// A message that becomes one without being an input.
    parking_foreign: Option<Parking>,
    lingering: Lingering,
    /// When the commit may start, while waiting for company.
    linger_until: Option<Instant>,
    /// Positions moved since this time without being written down.
    unwritten_since: Option<Instant>,
    clock: BrokerClock,
    look: Look,
    /// A tick has failed; that was said.
    tick_failed: bool,
    snapshots: Snapshots,
}

impl<L: Log, D: Decider> Journal<L, D> {
    /// Leads until told to stop or until somebody else does.
    pub(super) async fn lead(&mut self, folded: Folded<D::State>, stop: &CancellationToken) -> Led {
        let (committed, positions) = (folded.sequence, folded.positions.clone());
        let clock = BrokerClock::ask(self.log.clone(), self.config.stream, committed);
        let look = look(self.log.clone(), self.config.stream);
        let snapshots = Snapshots::new(committed, self.config.snapshot_interval);
        let lingering = Lingering::new(self.config.linger);
        let mut leader = Leader {
            journal: self,
            folded,
            committed,
            positions,
            pending: Pending::default(),
            under_way: None,
            backlog: VecDeque::new(),
            early: VecDeque::new(),
            parking: None,
            parking_foreign: None,
            lingering,
            linger_until: None,
            unwritten_since: None,
            clock,
            look,
            tick_failed: false,
            snapshots,
        };
        let led = leader.run(stop).await;
        leader.report(Role::Following);
        led
    }
}

impl<L: Log, D: Decider> Leader<'_, L, D> {
    async fn run(&mut self, stop: &CancellationToken) -> Led {
        let config = self.journal.config.clone();
        let decider = self.journal.shared_decider();
        let mut inputs = Inputs::open(&self.journal.log, &decider, config.stream, &self.folded.positions);
        let mut beats = self.journal.log.beats(config.stream);
        let mut beat = every(config.beat);
        let mut tick = every(std::time::Duration::from_secs(1));
        loop {
            self.park_foreign();
            if let Err(led) = self.decide_backlog(&decider) {
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
                batch = inputs.next(), if self.backlog.len() < AHEAD => self.backlog.extend(batch),
                id = parked(&mut self.parking) => self.input_parked(id),
                _ = parked(&mut self.parking_foreign) => self.foreign_parked(),
                () = self.clock.told() => {}
                last = &mut self.look => if self.looked(last) {
                    return Led::Lost;
                },
                () = sleep_until(wake) => {}
                query = Journal::<L, D>::next_query(&mut self.journal.queries) => self.answer(query),
                _ = tick.tick() => if let Err(led) = self.tick(&decider) {
                    return led;
                },
                _ = beat.tick() => self.beat().await,
                heard = beats.next() => if heard.epoch > self.folded.epoch {
                    return Led::Lost;
                },
                () = self.snapshots.tick() => self.want_snapshot(),
                () = stop.cancelled() => return self.hand_over().await,
            }
        }
    }

    /// Decides on what has been read, as far as the next commit has room.
    fn decide_backlog(&mut self, decider: &D) -> Result<(), Led> {
        while self.parking.is_none() && !self.snapshots.due() && self.has_room() {
            let Some(input) = self.next_input(decider) else { break };
            let place = (input.stream, input.sequence);
            if input.sequence <= self.folded.positions.get(input.stream) {
                continue;
            }
            let original = input.original;
            if original.as_ref().is_some_and(|original| !self.folded.parked.contains(original)) {
                warn!(sequence = place.1, ?original, "what was put back is not parked: it was decided on");
                self.pass(place.0, place.1);
                continue;
            }
            if let Some(error) = self.journal.poisoned.get(&place).cloned() {
                self.park_input(place, original, None, Cause::Panicked, error);
                continue;
            }
            match input.content {
                Content::Unreadable { message, cause, error } => {
                    self.park_input(place, original, Some(*message), cause, error);
                }
                Content::Decide { input, at, id, trace, kind, aggregate } => {
                    let name = format!("{}:{}", place.0, place.1);
                    let cause = Causation { name: &name, id, at, put_back: original.is_some() };
                    let about = (kind.as_str(), aggregate.as_str());
                    let decided = self.tentative(decider).decide(&input, &cause, &trace, about);
                    self.take_note(place, id, original, decided)?;
                    self.note_age(at);
                }
            }
        }
        self.checkpoint_if_due();
        Ok(())
    }

    fn tentative<'t>(&'t mut self, decider: &'t D) -> Tentative<'t, D> {
        let journal = self.journal.config.stream;
        Tentative { decider, journal, folded: &mut self.folded, pending: &mut self.pending }
    }

    /// Moves past an input that was decided on, or sees to it that nobody tries again.
    fn take_note(
        &mut self,
        (stream, sequence): (&'static str, u64),
        id: Uuid,
        original: Option<Place>,
        decided: Result<(), Undecided>,
    ) -> Result<(), Led> {
        let journal = self.journal.config.stream;
        match decided {
            Ok(()) => {
                self.no_longer_parked(original, id);
                self.pass(stream, sequence);
            }
            Err(Undecided::Hopeless(why)) => {
                error!(journal, stream, sequence, why, "an input cannot be decided on");
                self.park_input((stream, sequence), original, None, Cause::Panicked, why);
            }
            Err(Undecided::Broken(error)) => {
                error!(journal, stream, sequence, error, "an input broke the state; it is rebuilt");
                return Err(Led::Poisoned { stream, sequence, error });
            }
        }
        Ok(())
    }

    /// Reads the state, and answers once everything it reflects is committed.
    fn answer(&mut self, query: super::Query<D::State>) {
        let decided = self.under_way.as_ref().map_or(0, |under_way| under_way.messages);
        let decided = decided + self.pending.len();
        // Where the last message decided will stand: a commit leaves no room for anybody else's.
        let answer = query(&self.folded.state, self.committed + decided as u64);
        if !self.pending.is_empty() {
            self.pending.answers.push(answer);
        } else if let Some(under_way) = &mut self.under_way {
            under_way.answers.push(answer);
        } else {
            answer();
        }
    }

    /// What follows from time having passed, once the broker could be asked for it.
    fn tick(&mut self, decider: &D) -> Result<(), Led> {
        let Some(now) = self.clock.now() else { return Ok(()) };
        if self.snapshots.due() || self.journal.no_ticks || !self.has_room() {
            return Ok(());
        }
        let journal = self.journal.config.stream;
        let name = format!("tick:{}:{}", self.folded.epoch, now.0);
        let id = events::ids::derive(&[journal, &name]);
        let cause = Causation { name: &name, id, at: now, put_back: false };
        let Err(undecided) = self.tentative(decider).tick(&cause) else { return Ok(()) };
        self.journal.metrics.journal.failed_ticks.with_label_values(&[journal]).inc();
        match undecided {
            Undecided::Hopeless(why) => {
                if !std::mem::replace(&mut self.tick_failed, true) {
                    error!(journal, why, "nothing expires meanwhile; inputs are decided on all the same");
                }
                Ok(())
            }
            Undecided::Broken(why) => {
                error!(journal, why, "nothing expires until another process leads the journal");
                Err(Led::TickBroke)
            }
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
