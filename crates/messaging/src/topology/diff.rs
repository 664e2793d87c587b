//! How what exists differs from what must, and whether making it so would lose anything.

use std::fmt::Debug;

use async_nats::jetstream::{
    consumer::{self, pull},
    stream::Config,
};

/// The differences between two configurations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Fields that can be changed without loss.
    pub(super) harmless: Vec<String>,
    /// Fields whose change would lose messages.
    pub(super) destructive: Vec<String>,
}

impl Difference {
    fn note<T: PartialEq + Debug>(&mut self, field: &str, actual: &T, desired: &T, loses: bool) {
        if actual != desired {
            let line = format!("{field} is {actual:?}, should be {desired:?}");
            if loses { self.destructive.push(line) } else { self.harmless.push(line) }
        }
    }

    /// Nothing differs.
    pub(super) fn is_none(&self) -> bool {
        self.harmless.is_empty() && self.destructive.is_empty()
    }
}

/// Compares a stream; `bytes` is what it holds.
pub(super) fn stream(actual: &Config, desired: &Config, bytes: u64) -> Difference {
    let mut difference = Difference::default();
    let ours = |c: &Config| (c.allow_direct, c.allow_atomic_publish, c.deny_delete, c.deny_purge);
    let flags = "(allow_direct, allow_atomic, deny_delete, deny_purge)";
    difference.note(flags, &ours(actual), &ours(desired), false);
    difference.note("retention", &actual.retention, &desired.retention, true);
    difference.note("storage", &actual.storage, &desired.storage, true);
    difference.note("discard", &actual.discard, &desired.discard, false);
    let kept = |c: &Config| c.max_messages_per_subject.max(0);
    difference.note("max_messages_per_subject", &kept(actual), &kept(desired), kept(desired) > 0);
    difference.note("replicas", &actual.num_replicas, &desired.num_replicas, false);
    difference.note("duplicate_window", &actual.duplicate_window, &desired.duplicate_window, false);
    let unlimited = |limit: i64| u64::try_from(limit).ok().filter(|&limit| limit > 0).unwrap_or(u64::MAX);
    let too_small = unlimited(desired.max_bytes) < bytes;
    difference.note("max_bytes", &actual.max_bytes, &desired.max_bytes, too_small);
    let shorter = desired.max_age < actual.max_age || actual.max_age.is_zero();
    difference.note("max_age", &actual.max_age, &desired.max_age, shorter);
    let loses_subject = actual.subjects.iter().any(|subject| !desired.subjects.contains(subject));
    difference.note("subjects", &actual.subjects, &desired.subjects, loses_subject);
    difference
}

/// What exists, with the fields of ours set as they must be and everything else left as it is.
pub(super) fn merged(actual: &Config, desired: &Config) -> Config {
    Config {
        subjects: desired.subjects.clone(),
        discard: desired.discard,
        max_messages_per_subject: desired.max_messages_per_subject,
        max_bytes: desired.max_bytes,
        max_age: desired.max_age,
        num_replicas: desired.num_replicas,
        duplicate_window: desired.duplicate_window,
        allow_direct: desired.allow_direct,
        allow_atomic_publish: desired.allow_atomic_publish,
        deny_delete: desired.deny_delete,
        deny_purge: desired.deny_purge,
        ..actual.clone()
    }
}

/// Compares a consumer.
pub(super) fn consumer(actual: &consumer::Config, desired: &pull::Config) -> Difference {
    let mut difference = Difference::default();
    let mut filters = actual.filter_subjects.clone();
    if !actual.filter_subject.is_empty() {
        filters.push(actual.filter_subject.clone());
    }
    // A consumer that is given fewer subjects skips what waits under the others.
    let loses = filters.iter().any(|filter| !desired.filter_subjects.contains(filter));
    difference.note("filter_subjects", &filters, &desired.filter_subjects, loses);
    difference.note("ack_policy", &actual.ack_policy, &desired.ack_policy, true);
    difference.note("max_deliver", &actual.max_deliver, &desired.max_deliver, false);
    difference.note("ack_wait", &actual.ack_wait, &desired.ack_wait, false);
    difference.note("max_ack_pending", &actual.max_ack_pending, &desired.max_ack_pending, false);
    difference
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_nats::jetstream::stream::DiscardPolicy;

    use super::*;
    use crate::topology::{TopologyOptions, desired};

    fn orders() -> Config {
        desired::streams(&TopologyOptions::default()).swap_remove(1)
    }

    #[test]
    fn a_stream_does_not_differ_from_itself() {
        assert!(stream(&orders(), &orders(), 0).is_none());
    }

    #[test]
    fn what_would_lose_messages_is_told_apart_from_what_would_not() {
        let desired = orders();
        let table: [(&str, Config, bool); 8] = [
            ("shorter age", Config { max_age: desired.max_age * 2, ..desired.clone() }, true),
            ("no age limit before", Config { max_age: Duration::ZERO, ..desired.clone() }, true),
            ("longer age", Config { max_age: desired.max_age / 2, ..desired.clone() }, false),
            (
                "a subject less",
                Config { subjects: vec!["orders.>".into(), "old.>".into()], ..desired.clone() },
                true,
            ),
            ("discard old before", Config { discard: DiscardPolicy::Old, ..desired.clone() }, false),
            ("more replicas", Config { num_replicas: 3, ..desired.clone() }, false),
            ("few per subject before", Config { max_messages_per_subject: 5, ..desired.clone() }, false),
            ("deleting allowed before", Config { deny_delete: false, ..desired.clone() }, false),
        ];
        for (what, actual, loses) in table {
            let difference = stream(&actual, &desired, 0);
            assert!(!difference.is_none(), "{what}");
            assert_eq!(!difference.destructive.is_empty(), loses, "{what}: {difference:?}");
            let left = stream(&merged(&actual, &desired), &desired, 0);
            assert!(loses || left.is_none(), "{what}: what is not mended by an update: {left:?}");
        }
    }

    #[test]
    fn a_limit_below_what_the_stream_holds_is_refused() {
        let (desired, actual) = (orders(), Config { max_bytes: 1 << 40, ..orders() });
        assert!(stream(&actual, &desired, 1 << 20).destructive.is_empty());
        assert!(!stream(&actual, &desired, 1 << 39).destructive.is_empty());
    }
}
