//! What must exist.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use events::catalogue::{ADVISORIES, ConsumerDef, DEAD_LETTERS, REDRIVE, STREAMS, StreamDef};

use super::TopologyOptions;
use crate::{
    dead_letter::redrive,
    jetstream::{ATTEMPTS_STREAM, ATTEMPTS_SUBJECTS, snapshot_bucket},
};

/// Time in which a second message with the same id is not stored. Longer than any publisher insists.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Redriven and parked messages are few, and a redrive may be repeated by hand.
const OPERATOR_WINDOW: Duration = Duration::from_secs(3600);
/// Share of a domain stream's bytes that the operators' streams get.
const OPERATOR_SHARE: i64 = 16;
/// Time after which an unanswered message is handed out again. Long handlers say they are still busy.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages under way over all members of a consumer.
const MAX_ACK_PENDING: i64 = 20_000;

/// The operators' streams: parked messages, messages put back, and the broker's own alarms.
const OPERATOR_STREAMS: [(&str, &[&str]); 3] = [
    (DEAD_LETTERS.name, &[DEAD_LETTERS.subjects]),
    (REDRIVE, &[redrive::SUBJECTS]),
    (
        ADVISORIES,
        &["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"],
    ),
];

/// Every stream, as it must be.
#[must_use]
pub fn streams(options: &TopologyOptions) -> Vec<Config> {
    let domain = STREAMS.iter().map(|def| Config {
        allow_atomic_publish: true,
        ..stream(def.name, &[def.subjects], options, options.max_bytes, DUPLICATE_WINDOW)
    });
    let operator = OPERATOR_STREAMS.iter().map(|(name, subjects)| Config {
        allow_atomic_publish: *name != ADVISORIES,
        ..stream(name, subjects, options, options.max_bytes / OPERATOR_SHARE, OPERATOR_WINDOW)
    });
    domain.chain(operator).chain([attempts(options)]).collect()
}

/// The name of every stream, those behind the buckets among them.
#[must_use]
pub fn stream_names() -> Vec<String> {
    let options = TopologyOptions::default();
    streams(&options).into_iter().chain(snapshots(&options)).map(|stream| stream.name).collect()
}

/// The bucket of attempts at messages: of each message the last word only.
fn attempts(options: &TopologyOptions) -> Config {
    let max_bytes = options.max_bytes / OPERATOR_SHARE;
    Config {
        max_messages_per_subject: 1,
        ..stream(ATTEMPTS_STREAM, &[ATTEMPTS_SUBJECTS], options, max_bytes, DUPLICATE_WINDOW)
    }
}

fn stream(
    name: &str,
    subjects: &[&str],
    options: &TopologyOptions,
    max_bytes: i64,
    duplicate_window: Duration,
) -> Config {
    Config {
        name: name.to_owned(),
        subjects: subjects.iter().map(|&subject| subject.to_owned()).collect(),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // A full stream refuses, and the caller hears of it; dropping the oldest would lose orders.
        discard: DiscardPolicy::New,
        max_bytes,
        max_age: options.max_age,
        num_replicas: options.replicas,
        duplicate_window,
        allow_direct: true,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

/// A durable consumer, as it must be.
#[must_use]
pub fn consumer(def: &ConsumerDef) -> pull::Config {
    pull::Config {
        durable_name: Some(def.durable.to_owned()),
        filter_subjects: def.subjects.iter().map(|&subject| subject.to_owned()).collect(),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        // The worker decides when a message is beyond hope, not the broker, which would drop it silently.
        max_deliver: -1,
        max_ack_pending: MAX_ACK_PENDING,
        ..pull::Config::default()
    }
}

/// The buckets of snapshots, one per journal, as the client's object stores are, but for one thing: a direct answer
/// would be the stored bytes as they are, sent to any subject that whoever asks names, also where they may not write.
pub(super) fn snapshots(options: &TopologyOptions) -> Vec<Config> {
    let journals = STREAMS.iter().filter(|def| def.control.is_some());
    let bucket = |journal: &StreamDef| {
        let bucket = snapshot_bucket(journal.name);
        let (chunks, names) = (format!("$O.{bucket}.C.>"), format!("$O.{bucket}.M.>"));
        let subjects = [chunks.as_str(), names.as_str()];
        let name = format!("OBJ_{bucket}");
        Config {
            allow_rollup: true,
            allow_direct: false,
            deny_delete: false,
            deny_purge: false,
            // The state of a journal that nobody writes any more is worth as much as that of a busy one.
            max_age: Duration::ZERO,
            ..stream(&name, &subjects, options, options.max_bytes, DUPLICATE_WINDOW)
        }
    };
    journals.map(bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn together_they_may_take_what_the_operations_say() {
        let options = TopologyOptions::default();
        let all = [streams(&options), snapshots(&options)].concat();
        assert_eq!(all.iter().map(|stream| stream.max_bytes).sum::<i64>(), 29 << 30);
        let said = include_str!("../../../../docs/OPERATIONS.md");
        assert!(said.contains("7.25 × `--max-bytes`") && said.contains("29 GiB"));
    }
}
