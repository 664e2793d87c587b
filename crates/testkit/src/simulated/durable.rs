//! A durable consumer as the server keeps it: what is handed out, to whom, until when.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{connection::ClientId, subject::any_matches};

/// How long the server keeps a request for messages; a member that waits renews it.
const EXPIRES: Duration = Duration::from_secs(1);
/// What happened to a consumer in this time before the broker is killed is not written down yet.
const UNWRITTEN: Duration = Duration::from_millis(100);

/// A durable consumer.
pub(super) struct Durable {
    pub(super) stream: String,
    pub(super) filters: Vec<String>,
    pub(super) ack_wait: Duration,
    max_pending: usize,
    /// The last sequence looked at.
    pub(super) looked_at: u64,
    /// Messages for it that were never handed out.
    pub(super) backlog: u64,
    pending: BTreeMap<u64, Pending>,
    /// When each pending message that is in somebody's hands is due again.
    deadlines: BTreeSet<(Instant, u64)>,
    /// Pending messages that are due again.
    again: VecDeque<u64>,
    /// Settled of late: what a broker that is killed may not have written down yet.
    settled: VecDeque<(Instant, u64, Pending)>,
    /// The earliest time at which somebody will look at the deadlines.
    pub(super) alarm: Option<Instant>,
    pub(super) members: BTreeMap<u64, Member>,
    turn: u64,
}

/// A message that was handed out and not settled.
#[derive(Debug, Clone, Copy)]
struct Pending {
    due: Instant,
    handed_out: Instant,
    deliveries: u64,
}

/// One of those who share the messages.
pub(super) struct Member {
    pub(super) client: ClientId,
    pub(super) wake: Arc<Notify>,
    /// What was handed to it and not asked for yet, in order of arrival.
    pub(super) inbox: VecDeque<Arrival>,
    /// What it has asked for and the server has not sent.
    credit: u64,
    /// Whether it waits just now, and so renews its requests.
    waiting: bool,
    /// When its requests end.
    pub(super) expires: Instant,
}

/// A message on its way to a member, or waiting in its hands.
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) sequence: u64,
    pub(super) deliveries: u64,
    pub(super) backlog: u64,
}

/// What a worker says about a delivery.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Done,
    Busy,
    HandedBack(Duration),
    NeverAgain(String),
}

impl Member {
    pub(super) fn new(client: ClientId, wake: Arc<Notify>, now: Instant) -> Self {
        Self { client, wake, inbox: VecDeque::new(), credit: 0, waiting: false, expires: now }
    }

    /// It waits for messages, and asks for more when fewer than half of `most` are under way.
    pub(super) fn wait(&mut self, most: u64, now: Instant) {
        if !self.waiting && self.expires <= now {
            self.credit = 0;
        }
        self.waiting = true;
        let owed = self.credit + self.inbox.len() as u64;
        if owed == 0 || owed < most / 2 {
            self.credit += most.saturating_sub(owed);
        }
    }

    /// It waits no more; what it has asked for stays asked for a while.
    pub(super) fn rest(&mut self, now: Instant) {
        if self.waiting {
            self.waiting = false;
            self.expires = now + EXPIRES;
        }
    }

    /// What was on its way is lost, its requests too.
    pub(super) fn disconnect(&mut self, now: Instant) {
        self.inbox.retain(|arrival| arrival.at <= now);
        self.credit = 0;
        self.rest(now);
    }

    /// Whether something may still come that it has asked for.
    pub(super) fn is_owed(&self, now: Instant) -> bool {
        !self.inbox.is_empty() || self.takes(now)
    }

    fn takes(&self, now: Instant) -> bool {
        self.credit > 0 && (self.waiting || now < self.expires)
    }
}

impl Durable {
    pub(super) fn new(stream: &str, filters: Vec<String>, ack_wait: Duration, max_pending: usize) -> Self {
        Self {
            stream: stream.to_owned(),
            filters,
            ack_wait,
            max_pending,
            looked_at: 0,
            backlog: 0,
            pending: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            again: VecDeque::new(),
            settled: VecDeque::new(),
            alarm: None,
            members: BTreeMap::new(),
            turn: 0,
        }
    }

    pub(super) fn wants(&self, subject: &str) -> bool {
        any_matches(&self.filters, subject)
    }

    /// The member whose turn it is.
    pub(super) fn taker(&self, now: Instant, reachable: impl Fn(ClientId) -> bool) -> Option<u64> {
        let (before, after) = (self.members.range(..=self.turn), self.members.range(self.turn + 1..));
        after
            .chain(before)
            .find(|(_, member)| member.takes(now) && reachable(member.client))
            .map(|(id, _)| *id)
    }

    /// The next message that is due again.
    pub(super) fn due_again(&mut self) -> Option<u64> {
        self.again.pop_front()
    }

    /// Whether a message may be handed out that is in nobody's hands yet.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < self.max_pending
    }

    /// Hands a message to a member; it arrives after `delay`, and not before what was sent earlier.
    pub(super) fn hand_out(&mut self, member: u64, sequence: u64, now: Instant, delay: Duration) {
        let due = now + self.ack_wait;
        let pending = self.pending.entry(sequence).or_insert(Pending { due, handed_out: now, deliveries: 0 });
        self.deadlines.remove(&(pending.due, sequence));
        *pending = Pending { due, handed_out: now, deliveries: pending.deliveries + 1 };
        self.deadlines.insert((due, sequence));
        let (deliveries, backlog) = (pending.deliveries, self.backlog);
        self.turn = member;
        if let Some(member) = self.members.get_mut(&member) {
            member.credit = member.credit.saturating_sub(1);
            let last = member.inbox.back().map_or(now, |arrival| arrival.at);
            member.inbox.push_back(Arrival { at: last.max(now + delay), sequence, deliveries, backlog });
            member.wake.notify_one();
        }
    }

    /// Takes a worker's word. An answer to an earlier delivery counts as well.
    pub(super) fn settle(&mut self, sequence: u64, answer: &Answer, now: Instant) {
        match answer {
            Answer::Done | Answer::NeverAgain(_) => {
                if let Some(pending) = self.pending.remove(&sequence) {
                    self.deadlines.remove(&(pending.due, sequence));
                    self.again.retain(|due| *due != sequence);
                    self.settled.push_back((now, sequence, pending));
                    while self.settled.pop_front_if(|(at, ..)| *at + UNWRITTEN < now).is_some() {}
                }
            }
            Answer::Busy => self.postpone(sequence, now + self.ack_wait),
            Answer::HandedBack(delay) if delay.is_zero() => self.return_at_once(sequence),
            Answer::HandedBack(delay) => self.postpone(sequence, now + *delay),
        }
    }

    fn postpone(&mut self, sequence: u64, due: Instant) {
        if let Some(pending) = self.pending.get_mut(&sequence)
            && self.deadlines.remove(&(pending.due, sequence))
        {
            pending.due = due;
            self.deadlines.insert((due, sequence));
        }
    }

    /// Makes a message that is in somebody's hands due again.
    pub(super) fn return_at_once(&mut self, sequence: u64) {
        if let Some(pending) = self.pending.get(&sequence)
            && self.deadlines.remove(&(pending.due, sequence))
        {
            self.again.push_back(sequence);
        }
    }

    /// Makes everything due again whose time has come.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(&(due, sequence)) = self.deadlines.first()
            && due <= now
        {
            self.deadlines.pop_first();
            self.again.push_back(sequence);
        }
    }

    /// When the next message is due again.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Forgets what was not written down: answers, and that messages were handed out at all.
    pub(super) fn forget_unwritten(&mut self, now: Instant) {
        let written = |at: Instant| at + UNWRITTEN < now;
        while let Some((_, sequence, pending)) = self.settled.pop_back_if(|(at, ..)| !written(*at)) {
            self.pending.insert(sequence, pending);
            self.deadlines.insert((pending.due, sequence));
        }
        for (sequence, pending) in &mut self.pending {
            if !written(pending.handed_out) {
                pending.deliveries = pending.deliveries.saturating_sub(1);
                if self.deadlines.remove(&(pending.due, *sequence)) {
                    self.again.push_back(*sequence);
                }
            }
        }
    }

    /// Messages in somebody's hands or due again, with how often each was handed out.
    pub(super) fn unacked(&self) -> BTreeMap<u64, u64> {
        self.pending.iter().map(|(sequence, pending)| (*sequence, pending.deliveries)).collect()
    }
}
