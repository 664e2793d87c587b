//! What must exist.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, DeliverPolicy, pull},
    object_store,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use events::catalogue::{ConsumerDef, STREAMS};

use super::{ADVISORIES, REDRIVE, TopologyOptions};
use crate::{
    dead_letter,
    jetstream::{ATTEMPTS_STREAM, SNAPSHOT_BUCKET},
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
    (dead_letter::STREAM, &["dead_letters.>"]),
    (REDRIVE, &["redrive.>"]),
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
    let streams = streams(&TopologyOptions::default()).into_iter().map(|stream| stream.name);
    streams.chain([format!("OBJ_{SNAPSHOT_BUCKET}")]).collect()
}

/// The bucket of attempts at messages: of each message the last word only.
fn attempts(options: &TopologyOptions) -> Config {
    let subjects = ["$KV.worker-attempts.>"];
    Config {
        max_messages_per_subject: 1,
        ..stream(ATTEMPTS_STREAM, &subjects, options, options.max_bytes / OPERATOR_SHARE, DUPLICATE_WINDOW)
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

/// The bucket of the journals' snapshots.
pub(super) fn snapshots(options: &TopologyOptions) -> object_store::Config {
    object_store::Config {
        bucket: SNAPSHOT_BUCKET.to_owned(),
        description: Some("state of the journals, for a short start".to_owned()),
        max_bytes: options.max_bytes,
        num_replicas: options.replicas,
        ..object_store::Config::default()
    }
}
