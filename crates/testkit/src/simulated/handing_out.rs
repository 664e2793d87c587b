//! What the server does when something is stored or due again: wakes readers, hands out to members.

use std::time::Duration;

use tokio::time::Instant;

use super::{connection::ClientId, durable::Answer, server::Server, subject::any_matches};

/// Least time before a message is handed out twice: within the same breath it would be so for ever.
const A_MOMENT: Duration = Duration::from_millis(1);

impl Server {
    /// Wakes everybody whom the messages after a sequence concern.
    pub(super) fn stored(&mut self, stream: &str, after: u64) {
        let Some(stored) = self.streams.get(stream) else { return };
        let from = usize::try_from(after).unwrap_or(usize::MAX);
        let fresh = stored.messages().get(from..).unwrap_or_default();
        for reader in stored.readers.values() {
            if fresh.iter().any(|message| any_matches(&reader.filters, &message.subject)) {
                reader.wake.notify_one();
            }
        }
        let mut concerned = Vec::new();
        for (name, durable) in self.durables.iter_mut().filter(|(_, durable)| durable.stream == stream) {
            let more = fresh.iter().filter(|message| durable.wants(&message.subject)).count() as u64;
            durable.backlog += more;
            if more > 0 {
                concerned.push(name.clone());
            }
        }
        for name in concerned {
            self.hand_out(&name);
        }
    }

    /// Hands out as much as members ask for.
    pub(super) fn hand_out(&mut self, name: &str) {
        let now = Instant::now();
        let mut duplicated = Vec::new();
        if self.killed {
            return;
        }
        let Self { streams, durables, connections, dice, faults, .. } = self;
        let Some(durable) = durables.get_mut(name) else { return };
        let Some(stream) = streams.get(&durable.stream) else { return };
        let of = |client: ClientId| connections.get(client).and_then(|c| c.faults).unwrap_or(*faults);
        let reachable = |client| !faults.outage && !of(client).outage;
        while let Some(taker) = durable.taker(now, reachable) {
            let sequence = match durable.due_again() {
                Some(sequence) => sequence,
                None if !durable.has_room() => break,
                None => match stream.next(&durable.filters, durable.looked_at) {
                    Ok(message) => {
                        durable.looked_at = message.sequence;
                        durable.backlog -= 1;
                        message.sequence
                    }
                    Err(looked_at) => {
                        durable.looked_at = looked_at;
                        break;
                    }
                },
            };
            let Some(faults) = durable.members.get(&taker).map(|member| of(member.client)) else { break };
            durable.hand_out(taker, sequence, now, faults.delivery(dice));
            if dice.chance(faults.duplicate_delivery) {
                duplicated.push((sequence, faults.delivery(dice)));
            }
        }
        for (sequence, delay) in duplicated {
            let name = name.to_owned();
            let time = now + delay.max(A_MOMENT);
            self.at(time, Box::new(move |server| server.hand_out_again(&name, sequence)));
        }
        self.watch_deadlines(name);
    }

    fn hand_out_again(&mut self, name: &str, sequence: u64) {
        if let Some(durable) = self.durables.get_mut(name) {
            durable.return_at_once(sequence);
            self.hand_out(name);
        }
    }

    /// Sees to it that somebody looks when the next unanswered message is due again.
    pub(super) fn watch_deadlines(&mut self, name: &str) {
        let Some(durable) = self.durables.get_mut(name) else { return };
        let Some(due) = durable.next_deadline() else { return };
        if durable.alarm.is_none_or(|alarm| due < alarm) {
            durable.alarm = Some(due);
            let name = name.to_owned();
            self.at(due, Box::new(move |server| server.expire(&name)));
        }
    }

    /// A server that is down looks at its clock when it is up again.
    pub(super) fn expire(&mut self, name: &str) {
        let Some(durable) = self.durables.get_mut(name) else { return };
        durable.alarm = None;
        if !self.killed {
            durable.expire(Instant::now());
            self.hand_out(name);
        }
    }

    /// Takes a worker's word about a delivery of a message.
    pub(super) fn settle(&mut self, name: &str, (sequence, deliveries): (u64, u64), answer: &Answer) {
        let now = Instant::now();
        let Some(durable) = self.durables.get_mut(name) else { return };
        durable.settle(sequence, answer, now);
        if let Answer::NeverAgain(reason) = answer {
            self.advise_of_termination(name, sequence, deliveries, reason);
        }
        self.hand_out(name);
    }
}
