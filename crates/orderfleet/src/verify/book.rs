//! The evidence by what it is about: one life per order, one entry per adjustment.

mod life;

use std::collections::{BTreeMap, HashMap, HashSet};

use events::{
    OrderId, Timestamp,
    catalogue::{INVENTORY, NOTIFICATIONS, ORDERS, PAYMENTS, REQUESTS, STREAMS},
};
use gateway_sim::Entry;
use messaging::topology::REDRIVE;
use uuid::Uuid;

use super::evidence::{
    Adjust, AdjustRefused, Adjusted, DeadLetter, Evidence, Fact, Notified, Reached, Recorded, Redriven,
    Standing, StreamEvidence, Unreadable,
};
use super::strangers;
pub(super) use life::Life;

/// A fact and the message that states it.
pub(super) struct Seen<'a, T> {
    pub(super) message: &'a Recorded,
    pub(super) fact: &'a T,
}

impl<T> Clone for Seen<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Seen<'_, T> {}

/// What has become of a message that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for an operator.
    Parked,
    /// It was put back and waits for its consumer.
    UnderWay,
    /// It was put back, and its consumer is done with it.
    Handled,
    /// An operator has written it off.
    Discarded,
}

/// Everything about one adjustment of stock.
#[derive(Default)]
pub(super) struct Adjustment<'a> {
    pub(super) wished: Vec<Seen<'a, Adjust>>,
    pub(super) adjusted: Vec<Seen<'a, Adjusted>>,
    pub(super) refused: Vec<Seen<'a, AdjustRefused>>,
    /// Requests for it that an operator has put back.
    pub(super) put_back: Vec<Seen<'a, Adjust>>,
}

/// The evidence, indexed.
pub(super) struct Book<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) lives: BTreeMap<OrderId, Life<'a>>,
    pub(super) adjustments: BTreeMap<Uuid, Adjustment<'a>>,
    /// Notifications by the event they are about.
    pub(super) notified: HashMap<Uuid, Vec<Seen<'a, Notified>>>,
    /// Messages that are no event, by stream.
    pub(super) unreadable: Vec<(&'static str, Seen<'a, Unreadable>)>,
    /// Ledger entries that name no order.
    pub(super) strangers: Vec<&'a Entry>,
    /// How far the order service has decided.
    pub(super) orders_reached: Reached,
    /// How far the inventory service has decided.
    pub(super) inventory_reached: Reached,
    /// From here on every stream still has everything; `None` when all are complete.
    pub(super) horizon: Option<Timestamp>,
    /// The dead letters by consumer, stream and sequence.
    letters: HashMap<(&'a str, &'a str, u64), &'a DeadLetter>,
    /// Stream and sequence of every dead letter.
    parked_by_anybody: HashSet<(&'a str, u64)>,
    /// Stream and sequence of every message that is judged as if it were not there.
    written_off: HashSet<(&'a str, u64)>,
}

impl<'a> Book<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let mut book = Self {
            evidence,
            lives: BTreeMap::new(),
            adjustments: BTreeMap::new(),
            notified: HashMap::new(),
            unreadable: Vec::new(),
            strangers: Vec::new(),
            orders_reached: reached(evidence.messages(ORDERS.name)),
            inventory_reached: reached(evidence.messages(INVENTORY.name)),
            horizon: horizon(evidence),
            letters: HashMap::new(),
            parked_by_anybody: HashSet::new(),
            written_off: strangers::written_off(evidence),
        };
        for stream in &STREAMS {
            for message in evidence.messages(stream.name) {
                if !book.is_written_off(stream.name, message) {
                    book.file(stream.name, message);
                }
            }
        }
        for redriven in &evidence.redriven {
            book.file_redriven(redriven);
        }
        for entry in &evidence.ledger {
            match entry.order_id.parse() {
                Ok(order) => book.life(order).ledger.push(entry),
                Err(_) => book.strangers.push(entry),
            }
        }
        for letter in &evidence.dead_letters {
            book.letters.insert((&letter.consumer, &letter.stream, letter.sequence), letter);
            book.parked_by_anybody.insert((&letter.stream, letter.sequence));
        }
        book
    }

    fn life(&mut self, order: OrderId) -> &mut Life<'a> {
        self.lives.entry(order).or_default()
    }

    fn file(&mut self, stream: &'static str, message: &'a Recorded) {
        match &message.fact {
            Fact::Place(fact) => self.life(fact.order).place.push(Seen { message, fact }),
            Fact::Cancel(fact) => self.life(fact.order).cancel.push(Seen { message, fact }),
            Fact::Created(fact) => self.life(fact.order).created.push(Seen { message, fact }),
            Fact::Confirmed(fact) => self.life(fact.order).confirmed.push(Seen { message, fact }),
            Fact::Cancelled(fact) => self.life(fact.order).cancelled.push(Seen { message, fact }),
            Fact::RefundRequested(fact) => {
                self.life(fact.order).refund_requested.push(Seen { message, fact });
            }
            Fact::CancelRefused(fact) => self.life(fact.order).cancel_refused.push(Seen { message, fact }),
            Fact::Reserved(fact) => self.life(fact.order).reserved.push(Seen { message, fact }),
            Fact::Rejected(fact) => self.life(fact.order).rejected.push(Seen { message, fact }),
            Fact::Committed(fact) => self.life(fact.order).committed.push(Seen { message, fact }),
            Fact::Released(fact) => self.life(fact.order).released.push(Seen { message, fact }),
            Fact::Captured(fact) => self.life(fact.order).captured.push(Seen { message, fact }),
            Fact::Declined(fact) => self.life(fact.order).declined.push(Seen { message, fact }),
            Fact::Refunded(fact) => self.life(fact.order).refunded.push(Seen { message, fact }),
            Fact::Notified(fact) => {
                self.notified.entry(fact.about).or_default().push(Seen { message, fact });
            }
            Fact::Adjust(fact) => self.adjustment(fact.adjustment).wished.push(Seen { message, fact }),
            Fact::Adjusted(fact) => self.adjustment(fact.adjustment).adjusted.push(Seen { message, fact }),
            Fact::AdjustRefused(fact) => {
                self.adjustment(fact.adjustment).refused.push(Seen { message, fact });
            }
            Fact::Unreadable(fact) => self.unreadable.push((stream, Seen { message, fact })),
            Fact::Control(_) => {}
        }
    }

    fn adjustment(&mut self, id: Uuid) -> &mut Adjustment<'a> {
        self.adjustments.entry(id).or_default()
    }

    /// What an operator has put back may be all that tells of a wish: its original need not be readable.
    fn file_redriven(&mut self, redriven: &'a Redriven) {
        let message = &redriven.message;
        if let Fact::Place(fact) = &message.fact {
            self.life(fact.order).put_back.place.push(Seen { message, fact });
        } else if let Fact::Cancel(fact) = &message.fact {
            self.life(fact.order).put_back.cancel.push(Seen { message, fact });
        } else if let Fact::Adjust(fact) = &message.fact {
            self.adjustment(fact.adjustment).put_back.push(Seen { message, fact });
        }
    }

    /// Whether this consumer has given this message up at some time.
    pub(super) fn is_noticed(&self, consumer: &str, stream: &str, sequence: u64) -> bool {
        self.letters.contains_key(&(consumer, stream, sequence))
    }

    /// What has become of a message that this consumer has given up; `None` when it has not.
    pub(super) fn fate(&self, consumer: &str, stream: &str, sequence: u64) -> Option<Fate> {
        let letter = self.letters.get(&(consumer, stream, sequence))?;
        Some(match &letter.standing {
            Standing::Open => Fate::Parked,
            Standing::Discarded => Fate::Discarded,
            Standing::Redriven(redrives) => match redrives.last() {
                // A message is put back after its letter was written, so this comes to an end.
                Some(last) if stream != REDRIVE || *last > sequence => self.fate_of_redrive(consumer, *last),
                Some(_) | None => Fate::UnderWay,
            },
        })
    }

    /// What has become of a message that was put back.
    pub(super) fn fate_of_redrive(&self, consumer: &str, sequence: u64) -> Fate {
        let handled = || if self.is_handled(consumer, sequence) { Fate::Handled } else { Fate::UnderWay };
        self.fate(consumer, REDRIVE, sequence).unwrap_or_else(handled)
    }

    /// Whether a consumer is done with a message that was put back for it.
    fn is_handled(&self, consumer: &str, sequence: u64) -> bool {
        let reached = if consumer == ORDERS.name {
            self.orders_reached.redrive
        } else if consumer == INVENTORY.name {
            self.inventory_reached.redrive
        } else {
            self.evidence.handled.get(consumer).copied().unwrap_or(0)
        };
        reached >= sequence
    }

    /// Whether anybody has given this message up at some time; what it then lacks is a matter of the check for dead letters.
    pub(super) fn is_parked_by_anybody(&self, stream: &str, sequence: u64) -> bool {
        self.parked_by_anybody.contains(&(stream, sequence))
    }

    /// Whether nobody of the fleet has written a message or acted upon it, and an operator has written it off.
    pub(super) fn is_written_off(&self, stream: &str, message: &Recorded) -> bool {
        !self.written_off.is_empty() && self.written_off.contains(&(stream, message.sequence))
    }

    /// Whether everything that ever happened to the order is part of the evidence. Its request may be older than
    /// the horizon even if its creation is not.
    pub(super) fn is_whole(&self, life: &Life<'_>) -> bool {
        let Some(horizon) = self.horizon else { return true };
        let asked_for = !life.place.is_empty() || !self.has_aged(REQUESTS.name);
        asked_for && life.born().is_some_and(|born| born >= horizon)
    }

    /// Whether the oldest messages of the stream are gone.
    pub(super) fn has_aged(&self, stream: &str) -> bool {
        self.evidence.streams.get(stream).is_some_and(|evidence| evidence.first > 1)
    }

    /// The orders everything is known about.
    pub(super) fn whole_lives(&self) -> impl Iterator<Item = (OrderId, &Life<'a>)> {
        self.lives.iter().filter(|(_, life)| self.is_whole(life)).map(|(id, life)| (*id, life))
    }

    /// Whether everything that could have led to, or followed from, a message is part of the evidence.
    pub(super) fn is_recent(&self, message: &Recorded) -> bool {
        self.horizon.is_none_or(|horizon| message.at >= horizon)
    }

    /// Why some orders are not judged, if that is so.
    pub(super) fn not_judged(&self) -> Option<String> {
        self.horizon?;
        let old = self.lives.len() - self.whole_lives().count();
        let aged = self.evidence.streams.iter().filter(|(_, stream)| stream.first > 1);
        let aged: Vec<String> =
            aged.map(|(name, stream)| format!("{name} begins at {}", stream.first)).collect();
        Some(format!("{}: {old} older orders are not judged", aged.join(", ")))
    }
}

/// How far a journal has consumed its inputs, by what its writers have signed.
pub(super) fn reached(journal: &[Recorded]) -> Reached {
    let signed = journal.iter().rev().filter(|message| message.epoch.is_some());
    signed.filter_map(|message| message.reached.as_deref().copied()).next().unwrap_or_default()
}

/// Where the evidence is complete from: the beginning of the stream that lost most to age.
fn horizon(evidence: &Evidence) -> Option<Timestamp> {
    let aged = evidence.streams.values().filter(|stream| stream.first > 1);
    aged.map(|stream: &StreamEvidence| stream.messages.first().map_or(Timestamp::MAX, |first| first.at)).max()
}

/// The names of the domain streams, in the order in which an order passes through them.
pub(super) const NAMES: [&str; 5] =
    [REQUESTS.name, ORDERS.name, INVENTORY.name, PAYMENTS.name, NOTIFICATIONS.name];
