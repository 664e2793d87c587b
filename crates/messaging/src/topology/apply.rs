//! Looking at the broker, and changing it.

use std::fmt::Display;

use async_nats::jetstream::{
    self, ErrorCode, consumer,
    context::{ConsumerInfoErrorKind, CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind},
    stream::{Config, ConsumerErrorKind},
};
use events::catalogue::{ConsumerDef, every_consumer};

use super::{Action, Change, TopologyError, TopologyOptions, desired, diff};
use crate::{
    dead_letter,
    jetstream::{ATTEMPTS_STREAM, JetStream},
};

/// Makes the broker what it must be, or changes nothing at all if there is anything it would have to refuse.
///
/// # Errors
/// The broker is out of reach, or something differs in a way that would lose messages.
pub async fn setup(js: &JetStream, options: &TopologyOptions) -> Result<Vec<Change>, TopologyError> {
    for Change { what, action } in compare(js, options).await? {
        if let Action::Refused(differences) = action {
            return Err(TopologyError::Destructive { what, differences });
        }
    }
    walk(js, options, Mode::Apply).await
}

/// Says what [`setup`] would do, and changes nothing.
///
/// # Errors
/// The broker is out of reach.
pub async fn compare(js: &JetStream, options: &TopologyOptions) -> Result<Vec<Change>, TopologyError> {
    walk(js, options, Mode::Look).await
}

/// Whether differences are only looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Look,
    Apply,
}

async fn walk(js: &JetStream, options: &TopologyOptions, mode: Mode) -> Result<Vec<Change>, TopologyError> {
    let mut changes = Vec::new();
    for stream in desired::streams(options) {
        let what = format!("stream {}", stream.name);
        changes.push(stream_change(js, what, &stream, mode).await?);
    }
    for bucket in desired::snapshots(options) {
        let what = format!("bucket {}", bucket.name.trim_start_matches("OBJ_"));
        changes.push(stream_change(js, what, &bucket, mode).await?);
    }
    for consumer in every_consumer() {
        changes.push(consumer_change(js, consumer, mode).await?);
    }
    Ok(changes)
}

/// What servers say that have yet to find one another, or a leader.
const NOT_YET: [ErrorCode; 3] =
    [ErrorCode::CLUSTER_NOT_AVAILABLE, ErrorCode::CLUSTER_NO_PEERS, ErrorCode::CLUSTER_NOT_LEADER];

/// An error of the client's about something; `said` is the broker's own word, if there is one.
fn broker(what: &str, error: &dyn Display, said: Option<&jetstream::Error>) -> TopologyError {
    let temporary = said.is_none_or(|said| NOT_YET.contains(&said.error_code()));
    TopologyError::Broker { what: what.to_owned(), error: error.to_string(), temporary }
}

/// Why a stream was not created or changed.
fn not_made(what: &str, error: &CreateStreamError) -> TopologyError {
    let kind = error.kind();
    let said = if let CreateStreamErrorKind::JetStream(said) = &kind { Some(said) } else { None };
    broker(what, error, said)
}

fn action(difference: diff::Difference) -> Action {
    if difference.is_none() {
        Action::Unchanged
    } else if difference.destructive.is_empty() {
        Action::Updated(difference.harmless)
    } else {
        Action::Refused(difference.destructive)
    }
}

async fn stream_change(
    js: &JetStream,
    what: String,
    desired: &Config,
    mode: Mode,
) -> Result<Change, TopologyError> {
    let Some((actual, bytes)) = find_stream(js, &desired.name).await? else {
        if mode == Mode::Apply {
            js.context.create_stream(desired.clone()).await.map_err(|error| not_made(&what, &error))?;
        }
        return Ok(Change { what, action: Action::Created });
    };
    let action = action(diff::stream(&actual, desired, bytes));
    if mode == Mode::Apply && matches!(action, Action::Updated(_)) {
        let merged = diff::merged(&actual, desired);
        js.context.update_stream(merged).await.map_err(|error| not_made(&what, &error))?;
    }
    Ok(Change { what, action })
}

async fn find_stream(js: &JetStream, name: &str) -> Result<Option<(Config, u64)>, TopologyError> {
    match js.context.get_stream(name).await {
        Ok(stream) => {
            let info = stream.cached_info();
            Ok(Some((info.config.clone(), info.state.bytes)))
        }
        Err(error) => {
            let kind = error.kind();
            let said = if let GetStreamErrorKind::JetStream(said) = &kind { Some(said) } else { None };
            let is_missing = said.is_some_and(|said| said.error_code() == ErrorCode::STREAM_NOT_FOUND);
            if is_missing { Ok(None) } else { Err(broker(&format!("stream {name}"), &error, said)) }
        }
    }
}

async fn consumer_change(js: &JetStream, def: &ConsumerDef, mode: Mode) -> Result<Change, TopologyError> {
    let what = format!("consumer {}/{}", def.stream, def.durable);
    let desired = desired::consumer(def);
    let found =
        if find_stream(js, def.stream).await?.is_some() { find_consumer(js, def).await? } else { None };
    let action = found.map_or(Action::Created, |actual| action(diff::consumer(&actual, &desired)));
    if mode == Mode::Apply && matches!(action, Action::Created | Action::Updated(_)) {
        js.context.create_consumer_on_stream(desired, def.stream).await.map_err(|error| {
            let kind = error.kind();
            let said = if let ConsumerErrorKind::JetStream(said) = &kind { Some(said) } else { None };
            broker(&what, &error, said)
        })?;
    }
    Ok(Change { what, action })
}

async fn find_consumer(js: &JetStream, def: &ConsumerDef) -> Result<Option<consumer::Config>, TopologyError> {
    let what = format!("consumer {}/{}", def.stream, def.durable);
    let stream = js.context.get_stream_no_info(def.stream).await;
    match stream.map_err(|error| broker(&what, &error, None))?.consumer_info(def.durable).await {
        Ok(info) => Ok(Some(info.config)),
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
        Err(error) => {
            let kind = error.kind();
            let said = if let ConsumerInfoErrorKind::JetStream(said) = &kind { Some(said) } else { None };
            Err(broker(&what, &error, said))
        }
    }
}

/// Checks that the streams and consumers a service needs are there and safe to use, and what every service
/// needs: somewhere to put what it cannot handle.
///
/// # Errors
/// The broker is out of reach, or something is missing or differs.
pub async fn verify(
    js: &JetStream,
    streams: &[&str],
    consumers: &[ConsumerDef],
) -> Result<(), TopologyError> {
    let mut wrong = Vec::new();
    let desired = desired::streams(&TopologyOptions::default());
    for name in streams.iter().chain(&[dead_letter::STREAM, ATTEMPTS_STREAM]) {
        match find_stream(js, name).await? {
            None => wrong.push(format!("stream {name} is missing")),
            Some((actual, _bytes)) => {
                let desired = desired.iter().find(|stream| stream.name == *name);
                wrong.extend(desired.into_iter().flat_map(|desired| unsafe_to_use(&actual, desired)));
            }
        }
    }
    for def in consumers {
        let what = format!("consumer {}/{}", def.stream, def.durable);
        match find_consumer(js, def).await? {
            None => wrong.push(format!("{what} is missing")),
            Some(actual) => {
                let lines = unsafe_to_consume(&actual, desired::consumer(def));
                wrong.extend(lines.into_iter().map(|line| format!("{what}: {line}")));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(TopologyError::NotSetUp(wrong)) }
}

/// Sizes and ages are the operator's choice; what keeps messages from being lost is not.
fn unsafe_to_use(actual: &Config, desired: &Config) -> Vec<String> {
    let tuned = Config {
        max_bytes: actual.max_bytes,
        max_age: actual.max_age,
        num_replicas: actual.num_replicas,
        duplicate_window: actual.duplicate_window.max(desired.duplicate_window),
        deny_delete: actual.deny_delete,
        deny_purge: actual.deny_purge,
        ..desired.clone()
    };
    let difference = diff::stream(actual, &tuned, 0);
    let lines = difference.harmless.into_iter().chain(difference.destructive);
    lines.map(|line| format!("stream {}: {line}", desired.name)).collect()
}

/// How many messages may be under way is the operator's choice, and so is more patience. A limit of
/// deliveries is not: the broker would give messages up behind the workers' backs.
fn unsafe_to_consume(actual: &consumer::Config, desired: consumer::pull::Config) -> Vec<String> {
    let tuned = consumer::pull::Config {
        ack_wait: actual.ack_wait.max(desired.ack_wait),
        max_ack_pending: actual.max_ack_pending,
        ..desired
    };
    let difference = diff::consumer(actual, &tuned);
    difference.harmless.into_iter().chain(difference.destructive).collect()
}
