//! A message handed to this process, and the ways to settle it.

use std::time::Duration;

use async_nats::{Client, Subject, jetstream};

use super::{JetStream, reader::stored, timestamp, unavailable};
use crate::{
    headers::one_line,
    log::{Delivery, DeliveryInfo, Unavailable},
};

/// Longest wait for the client to take an answer; it has no limit of its own while the broker is away.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// A message handed to this process.
pub struct JetStreamDelivery {
    info: DeliveryInfo,
    reply: Subject,
    client: Client,
}

impl JetStreamDelivery {
    /// `high_water` is the last sequence that may have been handed out over an earlier connection.
    pub(super) fn new(
        js: &JetStream,
        stream: &str,
        high_water: u64,
        message: async_nats::Message,
    ) -> Result<Self, Unavailable> {
        let message = jetstream::Message { message, context: js.context.clone() };
        let reply = message.reply.clone().ok_or_else(|| unavailable("a message without reply subject"))?;
        let info = message.info().map_err(unavailable)?;
        let (sequence, at) = (info.stream_sequence, timestamp(info.published));
        let deliveries = u64::try_from(info.delivered).unwrap_or(1);
        let info = DeliveryInfo {
            stream: stream.to_owned(),
            deliveries,
            is_first: deliveries == 1 && sequence > high_water,
            backlog: info.pending,
            message: stored(message, sequence, at),
        };
        Ok(Self { info, reply, client: js.client.clone() })
    }

    async fn settle(&self, answer: String) -> Result<(), Unavailable> {
        let sent = self.client.publish(self.reply.clone(), answer.into());
        tokio::time::timeout(SETTLE_TIMEOUT, sent).await.map_err(unavailable)?.map_err(unavailable)
    }
}

impl Delivery for JetStreamDelivery {
    fn info(&self) -> &DeliveryInfo {
        &self.info
    }

    async fn ack(&self) -> Result<(), Unavailable> {
        self.settle("+ACK".to_owned()).await
    }

    async fn in_progress(&self) -> Result<(), Unavailable> {
        self.settle("+WPI".to_owned()).await
    }

    async fn hand_back(&self, delay: Duration) -> Result<(), Unavailable> {
        self.settle(format!("-NAK {{\"delay\":{}}}", delay.as_nanos())).await
    }

    async fn terminate(&self, reason: &str) -> Result<(), Unavailable> {
        self.settle(format!("+TERM {}", one_line(reason))).await
    }
}
