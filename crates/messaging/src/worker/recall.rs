//! How often a message has failed, which is not how often it was delivered.
//!
//! | an earlier delivery that | counts as |
//! |---|---|
//! | was handed back: a shutdown, an outage, a closed gate | what the record says, usually nothing |
//! | came while this process had the message in hand | nothing: it is noted when it comes |
//! | ended without a word: the process died | one failed attempt |

use std::time::Duration;

use events::Timestamp;
use tokio::time::timeout;
use tracing::warn;

use super::Shared;
use crate::log::{Attempts, Delivery, Log, patience::ASK_AGAIN};

/// Deaths of the process after which a message is handled alone.
const SUSPECT_AFTER: u64 = 3;
/// Deaths in a row with nothing else in hand after which it must be the message. One may be a coincidence: processes
/// are killed for other reasons, too.
const CONVINCING: u64 = 2;
/// Pause before the broker is told again what it did not take.
pub(super) const NOTE_AGAIN: Duration = Duration::from_millis(500);
/// Longest wait for the broker to take the record of a message that is handed back.
const RECORD: Duration = Duration::from_secs(1);

/// What is known of a message when it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recalled {
    /// Its attempts so far; the delivery it arrived with is none of them yet.
    pub(super) attempts: Attempts,
    /// It may be what kills the process.
    pub(super) suspect: bool,
    /// It is what kills the process: beyond its attempts, and the last of them died with nothing else in hand.
    pub(super) condemned: bool,
}

impl Recalled {
    fn new(record: Option<Attempts>, delivery: u64, max_attempts: u64, now: Timestamp) -> Self {
        let record = record.unwrap_or_default();
        let died = delivery.saturating_sub(record.deliveries + 1);
        let failed = record.failed + died;
        let first_failure = record.first_failure.or_else(|| (died > 0).then_some(now));
        let died_alone = record.died_alone + u64::from(record.alone && died > 0);
        let condemned = record.alone && died > 0 && died_alone >= CONVINCING && failed >= max_attempts;
        let suspect = record.alone || died >= SUSPECT_AFTER || failed >= max_attempts;
        let begun = record.begun || died > 0;
        let attempts =
            Attempts { deliveries: delivery, failed, begun, first_failure, alone: false, died_alone };
        Self { attempts, suspect, condemned }
    }
}

impl<L: Log, H> Shared<L, H> {
    /// Asks the broker, again and again while it is away, unless this is the first delivery.
    pub(super) async fn recall(&self, delivery: &impl Delivery) -> Recalled {
        let (durable, sequence) = (self.config.consumer.durable, delivery.message().sequence);
        let record = loop {
            if delivery.deliveries() <= 1 {
                break None;
            }
            match self.log.load_attempts(durable, sequence).await {
                Ok(record) => break record,
                Err(_away) => tokio::time::sleep(ASK_AGAIN).await,
            }
        };
        let max_attempts = self.config.retry.max_attempts;
        let recalled = Recalled::new(record, delivery.deliveries(), max_attempts, (self.config.clock)());
        if recalled.attempts.failed > record.map_or(0, |record| record.failed) {
            self.metrics.worker.attempt(durable, "died");
        }
        recalled
    }

    /// Notes that the message is handled alone from now on, before it is: should the process die, that is
    /// how it is known. False if the broker did not take the note.
    pub(super) async fn note_alone(&self, delivery: &impl Delivery, attempts: &Attempts) -> bool {
        let (durable, sequence) = (self.config.consumer.durable, delivery.message().sequence);
        let note = Attempts { deliveries: self.before_this(delivery, attempts), alone: true, ..*attempts };
        warn!(
            consumer = durable,
            sequence,
            failed = attempts.failed,
            "handled alone: the process keeps dying"
        );
        let noted = self.log.save_attempts(durable, sequence, &note).await;
        if let Err(error) = &noted {
            warn!(consumer = durable, sequence, %error, "cannot note it yet");
        }
        noted.is_ok()
    }

    /// Takes that note back, for the attempt is over: whatever the process dies of later, it is not this message with
    /// nothing else in hand. If the broker does not take it, the next attempt finds the note as it was.
    pub(super) async fn note_survived(&self, delivery: &impl Delivery, attempts: &mut Attempts) {
        if !attempts.alone {
            return;
        }
        let (durable, sequence) = (self.config.consumer.durable, delivery.message().sequence);
        let deliveries = self.before_this(delivery, attempts);
        let note = Attempts { deliveries, alone: false, died_alone: 0, ..*attempts };
        let noted = timeout(RECORD, self.log.save_attempts(durable, sequence, &note)).await;
        if matches!(noted, Ok(Ok(()))) {
            *attempts = Attempts { deliveries: attempts.deliveries, ..note };
        }
    }

    /// Waits for something while the message is in hand. If it is handed out again meanwhile, that is noted: should
    /// the process die, it has died with it once. Only who has it in hand writes of it, and not while it waits.
    pub(super) async fn in_hand_until<T>(
        &self,
        delivery: &impl Delivery,
        attempts: &mut Attempts,
        wait: impl Future<Output = T>,
    ) -> T {
        tokio::select! {
            biased;
            done = wait => done,
            never = self.note_handed_again(delivery, attempts) => never,
        }
    }

    async fn note_handed_again<T>(&self, delivery: &impl Delivery, attempts: &mut Attempts) -> T {
        let (durable, sequence) = (self.config.consumer.durable, delivery.message().sequence);
        loop {
            let newest = self.in_hand.handed_again(sequence, attempts.deliveries).await;
            let note = Attempts { deliveries: newest.saturating_sub(1), ..*attempts };
            match self.log.save_attempts(durable, sequence, &note).await {
                Ok(()) => attempts.deliveries = newest,
                Err(error) => {
                    warn!(consumer = durable, sequence, %error, "cannot note yet that it was handed out again");
                    tokio::time::sleep(NOTE_AGAIN).await;
                }
            }
        }
    }

    /// The deliveries that are accounted for while the message is in hand: all but the newest, with which this process
    /// may die.
    fn before_this(&self, delivery: &impl Delivery, attempts: &Attempts) -> u64 {
        let newest = self.in_hand.newest(delivery.message().sequence);
        newest.unwrap_or(attempts.deliveries).saturating_sub(1)
    }

    /// Hands back a message that was not begun, with what is known of it.
    pub(super) async fn hand_back_unread(&self, delivery: &impl Delivery) {
        match timeout(RECORD, self.recall(delivery)).await {
            Ok(recalled) => self.hand_back(delivery, &recalled.attempts, Duration::ZERO).await,
            // The broker is away: it hears of neither.
            Err(_elapsed) => {}
        }
    }

    /// Hands the message to another member, or a later delivery to this one, without a failure to its name.
    pub(super) async fn hand_back(&self, delivery: &impl Delivery, attempts: &Attempts, delay: Duration) {
        let (durable, sequence) = (self.config.consumer.durable, delivery.message().sequence);
        self.metrics.worker.attempt(durable, "handed_back");
        let deliveries = self.in_hand.newest(sequence).unwrap_or(attempts.deliveries);
        let record = Attempts { deliveries, alone: false, ..*attempts };
        let recorded = self.log.save_attempts(durable, sequence, &record);
        if !matches!(timeout(RECORD, recorded).await, Ok(Ok(()))) {
            warn!(consumer = durable, sequence, "cannot record that this delivery was no failure");
        }
        // Unsent, it is handed out again all the same, only later.
        let _late = delivery.hand_back(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(7);
    const MAX: u64 = 8;

    /// Failed attempts, suspect, condemned.
    fn recalled(record: impl Into<Option<Attempts>>, delivery: u64) -> (u64, bool, bool) {
        let recalled = Recalled::new(record.into(), delivery, MAX, NOW);
        assert_eq!(recalled.attempts.deliveries, delivery);
        (recalled.attempts.failed, recalled.suspect, recalled.condemned)
    }

    fn record(deliveries: u64, failed: u64, alone: bool) -> Attempts {
        Attempts { deliveries, failed, begun: false, first_failure: None, alone, died_alone: 0 }
    }

    #[test]
    fn deliveries_that_were_handed_back_are_no_failures() {
        assert_eq!(recalled(None, 1), (0, false, false));
        assert_eq!(recalled(record(40, 0, false), 41), (0, false, false));
        assert_eq!(recalled(record(40, 2, false), 41), (2, false, false));
    }

    #[test]
    fn deliveries_without_a_word_are_failures() {
        assert_eq!(recalled(None, 2), (1, false, false));
        assert_eq!(recalled(record(40, 1, false), 43), (3, false, false));
        assert_eq!(recalled(None, 4), (3, true, false));
        assert_eq!(recalled(None, 9), (8, true, false), "not condemned: it never died alone");
    }

    #[test]
    fn what_was_handed_back_unread_was_not_begun() {
        let begun = |record, delivery| Recalled::new(record, delivery, MAX, NOW).attempts.begun;
        assert!(!begun(None, 1) && !begun(Some(record(1, 0, false)), 2));
        assert!(begun(None, 2) && begun(Some(record(1, 0, false)), 3), "it died with it");
        assert!(begun(Some(Attempts { begun: true, ..record(1, 0, false) }), 2));
    }

    #[test]
    fn only_who_died_alone_and_has_no_attempt_left_is_condemned() {
        assert_eq!(recalled(record(3, 3, true), 4), (3, true, false), "handed out, nothing happened yet");
        assert_eq!(recalled(record(3, 3, true), 5), (4, true, false), "it may try again");
        assert_eq!(recalled(record(7, 7, true), 9), (8, true, false), "once may be a coincidence");
        let again = Attempts { died_alone: 1, ..record(7, 7, true) };
        assert_eq!(recalled(again, 9), (8, true, true));
        assert_eq!(
            recalled(Attempts { alone: false, ..again }, 9),
            (8, true, false),
            "it died beside others"
        );
    }

    #[test]
    fn the_first_failure_keeps_its_time() {
        let first = |record, delivery| Recalled::new(record, delivery, MAX, NOW).attempts.first_failure;
        assert_eq!(first(None, 1), None);
        assert_eq!(first(None, 2), Some(NOW));
        let known = Attempts { first_failure: Some(Timestamp(3)), ..record(1, 1, false) };
        assert_eq!(first(Some(known), 3), Some(Timestamp(3)));
    }
}
