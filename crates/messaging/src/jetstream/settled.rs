//! How far a durable consumer has come.

use async_nats::jetstream::context::ConsumerInfoErrorKind;

use super::{JetStream, unavailable};
use crate::log::Unavailable;

impl JetStream {
    /// The sequence up to which a durable consumer has settled everything it was given, 0 when that is nothing yet;
    /// `None` when there is no such consumer.
    ///
    /// # Errors
    /// The broker is out of reach.
    pub async fn settled(&self, stream: &str, durable: &str) -> Result<Option<u64>, Unavailable> {
        let stream = self.context.get_stream_no_info(stream).await.map_err(unavailable)?;
        match stream.consumer_info(durable).await {
            Ok(info) => Ok(Some(info.ack_floor.stream_sequence)),
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}
