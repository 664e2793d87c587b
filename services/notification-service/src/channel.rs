//! The way to the customer.
//!
//! [`Channel`] is the seam: [`LogChannel`] writes a log line, which a mailer or webhook can take the place of.

use std::future::Future;

use tracing::info;

use crate::message::Message;

/// Why a message did not reach the customer. The texts must not repeat the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// It may succeed later: a time-out, a full queue.
    #[error("the channel did not take the message: {0}")]
    Transient(String),
    /// It never will: no such mailbox.
    #[error("the channel refused the message: {0}")]
    Refused(String),
}

/// Carries messages to customers.
pub trait Channel: Send + Sync + 'static {
    /// Its name in events and metrics.
    const NAME: &'static str;

    /// Sends a message. Called again with the same message after a failure or a crash at any point: a channel that
    /// can tell repetitions apart does so by [`Message::about`]. Dropped when it takes more than 30 seconds.
    fn send(&self, message: &Message) -> impl Future<Output = Result<(), ChannelError>> + Send;
}

/// Writes each message as one line of this service's log.
#[derive(Debug, Clone, Copy)]
pub struct LogChannel;

impl Channel for LogChannel {
    const NAME: &'static str = "log";

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let Message { about, order_id, customer_id, template, subject, text } = message;
        let template = template.as_str();
        info!(%order_id, customer_id, template, subject, text, %about, "notification");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fmt::Debug,
        sync::{Arc, Mutex},
    };

    use events::{OrderId, notifications::Template};
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };
    use uuid::Uuid;

    use super::*;

    /// Writes down the fields of every event.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

    struct Line(BTreeMap<String, String>);

    impl Visit for Line {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name().to_owned(), value.to_owned());
        }

        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.insert(field.name().to_owned(), format!("{value:?}"));
        }
    }

    impl Subscriber for Lines {
        fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

        fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut line = Line(BTreeMap::new());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn enter(&self, _span: &span::Id) {}

        fn exit(&self, _span: &span::Id) {}
    }

    #[test]
    fn a_message_is_one_line_with_everything_in_it() {
        let lines = Lines::default();
        let message = Message {
            about: Uuid::from_u128(7),
            order_id: OrderId(Uuid::from_u128(1)),
            customer_id: "c-1".to_owned(),
            template: Template::OrderRefunded,
            subject: "in short".to_owned(),
            text: "in full".to_owned(),
        };
        tracing::subscriber::with_default(lines.clone(), || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(LogChannel.send(&message)).unwrap();
        });
        let expected = [
            ("message", "notification"),
            ("order_id", "00000000-0000-0000-0000-000000000001"),
            ("customer_id", "c-1"),
            ("template", "order_refunded"),
            ("subject", "in short"),
            ("text", "in full"),
            ("about", "00000000-0000-0000-0000-000000000007"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(*lines.0.lock().unwrap(), [expected]);
    }
}
