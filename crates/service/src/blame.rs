//! Whose fault a failure is: the message's, or that of what it depends on.
//!
//! An outage must never end messages in the dead letters, and one message that always fails must. Counting attempts
//! cannot tell the two apart; what happens to the others can.

use std::sync::atomic::{AtomicU64, Ordering};

/// As many others must have succeeded in a row. A dependency that fails three calls in ten gets so far one time in
/// thirty, and a message would have to meet that by chance at every one of its attempts.
const WITNESSES: u64 = 10;

/// For how many others in a row a dependency worked just before a message failed at it. None of them were this
/// message's own earlier failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witnesses(u64);

impl Witnesses {
    /// As many as it takes to hold the failure against the message.
    #[must_use]
    pub fn are_enough(self) -> bool {
        self.0 >= WITNESSES
    }

    /// At least one: the dependency is not down as a whole.
    #[must_use]
    pub fn are_any(self) -> bool {
        self.0 > 0
    }
}

/// Successes in a row of one dependency, shared by all messages that need it.
#[derive(Debug, Default)]
pub struct Blame {
    witnesses: AtomicU64,
}

impl Blame {
    /// The dependency did what it was asked for, or said clearly that it will not.
    pub fn worked(&self) {
        self.witnesses.fetch_add(1, Ordering::Relaxed);
    }

    /// A message failed at the dependency. Says for how many others it worked just before.
    #[must_use]
    pub fn failed(&self) -> Witnesses {
        Witnesses(self.witnesses.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_where_ten_others_succeed_is_to_blame() {
        let blame = Blame::default();
        assert!(!blame.failed().are_any(), "nobody has seen it work");
        for _other in 0..9 {
            blame.worked();
        }
        let nine = blame.failed();
        assert!(nine.are_any() && !nine.are_enough(), "nine are not ten");
        for _other in 0..10 {
            blame.worked();
        }
        assert!(blame.failed().are_enough());
        assert!(!blame.failed().are_any(), "its own failure is no witness against it");
    }
}
