//! Which payments in hand may have been made already, and when the gateway's books can tell.
//!
//! A request that was not answered may still be carried out. Until that is over, not finding it in the gateway's books
//! proves nothing. What is kept here is lost with the process; whoever gets a message after that doubts it from scratch.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

/// Pause after a payment's first failure, at most; doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// What has not been heard of for so long is forgotten: it has left this process, for instance as a dead letter. Longer
/// than any pause of a message in hand.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// The payments in hand that may have been made, by message.
pub(crate) struct Pending {
    /// For how long a gateway may still be at a request that nobody waits for.
    settle: Duration,
    book: Mutex<BTreeMap<Uuid, Doubt>>,
}

#[derive(Debug, Clone, Copy)]
struct Doubt {
    settled_at: Instant,
    failures: u32,
    forgotten_at: Instant,
}

impl Pending {
    pub(crate) fn new(settle: Duration) -> Self {
        Self { settle, book: Mutex::default() }
    }

    /// Somebody may have had this message before, and may have sent a request right before giving it up.
    pub(crate) fn doubt(&self, message: Uuid) {
        let now = Instant::now();
        let fresh = Doubt { settled_at: now + self.settle, failures: 0, forgotten_at: now + MEMORY };
        self.book().entry(message).or_insert(fresh);
    }

    /// The message is still in hand: what is known of it is kept, also while it waits for hours without a call.
    pub(crate) fn keep(&self, message: Uuid) {
        if let Some(doubt) = self.book().get_mut(&message) {
            doubt.forgotten_at = Instant::now() + MEMORY;
        }
    }

    /// The gateway has answered, but not what became of the payment. Says how long to pause.
    pub(crate) fn failed(&self, message: Uuid) -> Duration {
        self.note(message, Duration::ZERO)
    }

    /// The gateway has not answered, and may still be at it. Says how long to pause.
    pub(crate) fn failed_under_way(&self, message: Uuid) -> Duration {
        self.note(message, self.settle)
    }

    /// It is known what became of it.
    pub(crate) fn over(&self, message: Uuid) {
        self.book().remove(&message);
    }

    /// For how much longer the gateway may be at an earlier request; `None` if there was none.
    pub(crate) fn unsettled_for(&self, message: Uuid) -> Option<Duration> {
        let settled_at = self.book().get(&message)?.settled_at;
        Some(settled_at.saturating_duration_since(Instant::now()))
    }

    /// Whether a call for this message has failed here.
    pub(crate) fn has_failed(&self, message: Uuid) -> bool {
        self.book().get(&message).is_some_and(|doubt| doubt.failures > 0)
    }

    fn note(&self, message: Uuid, settle: Duration) -> Duration {
        let now = Instant::now();
        let mut book = self.book();
        book.retain(|_, doubt| doubt.forgotten_at > now);
        let doubt = book.entry(message).or_insert(Doubt { settled_at: now, failures: 0, forgotten_at: now });
        doubt.failures = doubt.failures.saturating_add(1);
        doubt.settled_at = doubt.settled_at.max(now + settle);
        doubt.forgotten_at = now + MEMORY;
        pause(message, doubt.failures)
    }

    fn book(&self) -> MutexGuard<'_, BTreeMap<Uuid, Doubt>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after a payment's nth failure: between half and all of what doubles with each, so that those who failed
/// together come back apart. Which part follows from the message, so that a simulation repeats it.
fn pause(message: Uuid, failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let longest = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    let [drawn, ..] = message.into_bytes();
    longest / 2 + longest / 512 * u32::from(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(20);
    const MESSAGE: Uuid = Uuid::from_u128(7);

    #[tokio::test(start_paused = true)]
    async fn what_had_no_answer_is_settled_later_and_what_had_one_at_once() {
        let pending = Pending::new(SETTLE);
        assert_eq!(pending.unsettled_for(MESSAGE), None);
        pending.failed(MESSAGE);
        assert_eq!(pending.unsettled_for(MESSAGE), Some(Duration::ZERO));
        pending.failed_under_way(MESSAGE);
        assert_eq!(pending.unsettled_for(MESSAGE), Some(SETTLE));
        tokio::time::advance(SETTLE / 2).await;
        pending.failed(MESSAGE);
        assert_eq!(
            pending.unsettled_for(MESSAGE),
            Some(SETTLE / 2),
            "a later answer is about another request"
        );
        pending.over(MESSAGE);
        assert_eq!(pending.unsettled_for(MESSAGE), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_somebody_else_had_is_doubted_from_when_it_came() {
        let pending = Pending::new(SETTLE);
        pending.doubt(MESSAGE);
        assert!(!pending.has_failed(MESSAGE));
        tokio::time::advance(SETTLE).await;
        pending.doubt(MESSAGE);
        assert_eq!(
            pending.unsettled_for(MESSAGE),
            Some(Duration::ZERO),
            "once, not each time it is looked at"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_left_is_forgotten() {
        let pending = Pending::new(SETTLE);
        pending.failed(MESSAGE);
        tokio::time::advance(MEMORY).await;
        pending.failed(Uuid::from_u128(8));
        assert_eq!(pending.book().len(), 1);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_differ() {
        let pauses = |message: Uuid| (1..=40).map(move |failures| pause(message, failures));
        let mut limit = FIRST_PAUSE;
        for pause in pauses(MESSAGE) {
            assert!(pause >= limit / 2 && pause <= limit, "{pause:?} with limit {limit:?}");
            limit = (limit * 2).min(LONGEST_PAUSE);
        }
        assert_ne!(pause(MESSAGE, 9), pause(Uuid::max(), 9));
    }
}
