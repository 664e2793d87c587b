//! Attempts at messages, kept as the last message of a subject each, the way a key-value bucket is.

use std::fmt::Display;

use async_nats::jetstream::{Context, stream::LastRawMessageErrorKind};

use super::{JetStream, unavailable};
use crate::{
    headers::Headers,
    log::{Attempts, Log, Message, Unavailable},
};

/// The stream behind the bucket `worker-attempts`; `topology` creates it.
pub(crate) const STREAM: &str = "KV_worker-attempts";
/// What it stores.
pub(crate) const SUBJECTS: &str = "$KV.worker-attempts.>";

/// `$KV.worker-attempts.payment-charge.12345`: durable names are unique in the fleet.
pub(crate) fn subject(durable: &str, sequence: impl Display) -> String {
    format!("$KV.worker-attempts.{durable}.{sequence}")
}

pub(super) async fn save(
    js: &JetStream,
    durable: &str,
    sequence: u64,
    attempts: &Attempts,
) -> Result<(), Unavailable> {
    let payload = serde_json::to_vec(attempts).map_err(unavailable)?.into();
    let message = Message { subject: subject(durable, sequence), headers: Headers::new(), payload };
    js.publish(&message, None).await.map_err(unavailable)?;
    Ok(())
}

/// Not by the client's own bucket, which may ask a replica that lags behind.
pub(super) async fn load(
    context: &Context,
    durable: &str,
    sequence: u64,
) -> Result<Option<Attempts>, Unavailable> {
    let stream = context.get_stream_no_info(STREAM).await.map_err(unavailable)?;
    match stream.get_last_raw_message_by_subject(&subject(durable, sequence)).await {
        // One that cannot be read says as much as none.
        Ok(message) => Ok(serde_json::from_slice(&message.payload).ok()),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(unavailable(error)),
    }
}
