//! Publishing: one message, or an atomic batch (ADR-50) that the server stores whole with one fsync.

use std::time::Duration;

use async_nats::{
    Client, HeaderMap, Request,
    client::{PublishErrorKind, RequestError, RequestErrorKind},
};
use serde::Deserialize;
use uuid::Uuid;

use super::REQUEST_TIMEOUT;
use crate::{
    headers::{BATCH_COMMIT, BATCH_ID, BATCH_SEQUENCE, EXPECTED_LAST_SEQUENCE},
    log::{Ack, Message, PublishError},
};

/// Stores one message.
pub(super) async fn one(
    client: &Client,
    message: &Message,
    expect: Option<u64>,
) -> Result<Ack, PublishError> {
    let headers = with_expectation(message, expect);
    bounded(request(client, message, headers)).await
}

/// Stores a batch whole or not at all. All but the last message go out without waiting for an answer:
/// the server keeps them aside until the last one commits the batch.
pub(super) async fn batch(
    client: &Client,
    messages: &[Message],
    expect: Option<u64>,
) -> Result<Ack, PublishError> {
    let Some((last, others)) = messages.split_last() else {
        return Err(PublishError::Refused("an empty batch".to_owned()));
    };
    if others.is_empty() {
        return one(client, last, expect).await;
    }
    #[expect(clippy::disallowed_methods, reason = "each attempt is a batch of its own to the server")]
    let batch_id = Uuid::now_v7().simple().to_string();
    bounded(async {
        for (index, message) in others.iter().enumerate() {
            let expect = expect.filter(|_| index == 0);
            let headers = in_batch(with_expectation(message, expect), &batch_id, index + 1);
            client
                .publish_with_headers(message.subject.clone(), headers, message.payload.clone())
                .await
                .map_err(|error| match error.kind() {
                    PublishErrorKind::Send => PublishError::Unknown(error.to_string()),
                    PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::InvalidSubject => {
                        PublishError::Refused(error.to_string())
                    }
                })?;
        }
        let mut headers = in_batch(with_expectation(last, None), &batch_id, messages.len());
        headers.insert(BATCH_COMMIT, "1");
        request(client, last, headers).await
    })
    .await
}

fn with_expectation(message: &Message, expect: Option<u64>) -> HeaderMap {
    let mut headers = message.headers.0.clone();
    if let Some(sequence) = expect {
        headers.insert(EXPECTED_LAST_SEQUENCE, sequence.to_string());
    }
    headers
}

fn in_batch(mut headers: HeaderMap, batch_id: &str, position: usize) -> HeaderMap {
    headers.insert(BATCH_ID, batch_id);
    headers.insert(BATCH_SEQUENCE, position.to_string());
    headers
}

/// The client's own time-out starts when a command is queued; while the queue is full because the
/// broker is away, nothing but this bound ends the wait.
async fn bounded(work: impl Future<Output = Result<Ack, PublishError>> + Send) -> Result<Ack, PublishError> {
    match tokio::time::timeout(REQUEST_TIMEOUT + Duration::from_secs(1), work).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err(PublishError::Unknown("time-out".to_owned())),
    }
}

async fn request(client: &Client, message: &Message, headers: HeaderMap) -> Result<Ack, PublishError> {
    let request = Request::new().headers(headers).payload(message.payload.clone());
    let reply = client.send_request(message.subject.clone(), request).await.map_err(failed)?;
    let answer: Answer = serde_json::from_slice(&reply.payload)
        .map_err(|error| PublishError::Unknown(format!("unreadable answer: {error}")))?;
    match answer {
        Answer { error: Some(error), .. } => Err(refused(error)),
        Answer { seq: Some(sequence), duplicate, .. } => Ok(Ack { sequence, duplicate }),
        Answer { seq: None, error: None, .. } => Err(PublishError::Unknown("empty answer".to_owned())),
    }
}

fn failed(error: RequestError) -> PublishError {
    match error.kind() {
        // No responders: the stream has no leader just now. Elections take seconds; it will be back.
        RequestErrorKind::NoResponders | RequestErrorKind::TimedOut | RequestErrorKind::Other => {
            PublishError::Unknown(error.to_string())
        }
        RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
            PublishError::Refused(error.to_string())
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    seq: Option<u64>,
    #[serde(default)]
    duplicate: bool,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    code: u16,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// The server's error codes that mean something to us; names as in its `errors.json`.
mod code {
    pub(super) const WRONG_LAST_SEQUENCE: u64 = 10071;
    pub(super) const STREAM_STORE_FAILED: u64 = 10077;
    pub(super) const STORAGE_RESOURCES_EXCEEDED: u64 = 10047;
    pub(super) const DUPLICATE_IN_PROCESS: u64 = 10158;
    pub(super) const BATCH_INCOMPLETE: u64 = 10176;
    pub(super) const BATCH_CONTAINS_DUPLICATE: u64 = 10201;
}

fn refused(error: ApiError) -> PublishError {
    match (error.err_code, error.code) {
        (code::WRONG_LAST_SEQUENCE, _) => PublishError::WrongLastSequence,
        (code::BATCH_CONTAINS_DUPLICATE, _) => PublishError::DuplicateInBatch,
        (code::STREAM_STORE_FAILED | code::STORAGE_RESOURCES_EXCEEDED, _) => PublishError::Full,
        // A cluster's word for a copy of this message that is on its way to a majority: it may arrive there, or not.
        (code::DUPLICATE_IN_PROCESS, _)
        // Part of the batch was lost on the way: nothing was stored, and sending it again is right.
        | (code::BATCH_INCOMPLETE, _)
        | (_, 429 | 500..=599) => PublishError::Unknown(error.description),
        _ => PublishError::Refused(format!("{} ({})", error.description, error.err_code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u16, err_code: u64) -> PublishError {
        refused(ApiError { code, err_code, description: "no".to_owned() })
    }

    #[test]
    fn what_may_yet_be_stored_is_sent_again() {
        for (code, err_code) in [(409, 10_158), (400, 10_176), (503, 10_008), (500, 0), (429, 0)] {
            assert!(matches!(refusal(code, err_code), PublishError::Unknown(_)), "{err_code}");
        }
        assert!(matches!(refusal(400, 10_071), PublishError::WrongLastSequence));
        assert!(matches!(refusal(400, 10_054), PublishError::Refused(_)));
    }
}
