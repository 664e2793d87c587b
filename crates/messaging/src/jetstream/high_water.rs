//! What was in a stream when this process came to the server it is connected to.
//!
//! Whatever is newer was never handed out by the server's predecessor, which may have been killed and have
//! forgotten whom it handed what. See [`Delivery::is_first`](crate::log::Delivery::is_first).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::JetStream;
use crate::log::{Log, Unavailable};

/// Of each stream the mark at which it stood when it was first asked for over the connection to one server. Cheap to
/// clone; clones share it.
#[derive(Clone, Default)]
pub(super) struct HighWaterMarks(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    connection: Connection,
    marks: BTreeMap<String, u64>,
}

/// Names one connection to one run of a server: both change when either begins anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Connection {
    server: String,
    client: u64,
}

impl Connection {
    fn of(js: &JetStream) -> Self {
        let info = js.client.server_info();
        Self { server: info.server_id, client: info.client_id }
    }
}

/// Where a stream stood.
pub(super) struct HighWaterMark {
    connection: Connection,
    /// Its last sequence at that time.
    pub(super) last: u64,
}

impl HighWaterMark {
    /// Whether the connection is still the one over which it was asked for.
    pub(super) fn is_current(&self, js: &JetStream) -> bool {
        self.connection == Connection::of(js)
    }
}

impl HighWaterMarks {
    /// The mark of a stream over the present connection: where it stands now, if it was not asked for before.
    pub(super) async fn of_stream(&self, js: &JetStream, stream: &str) -> Result<HighWaterMark, Unavailable> {
        let connection = Connection::of(js);
        if let Some(last) = self.of(&connection).marks.get(stream).copied() {
            return Ok(HighWaterMark { connection, last });
        }
        let last = js.extent(stream).await?.last;
        let last = *self.of(&connection).marks.entry(stream.to_owned()).or_insert(last);
        Ok(HighWaterMark { connection, last })
    }

    /// What is known of a connection; what was known of another is forgotten.
    fn of(&self, connection: &Connection) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.connection != *connection {
            *known = Known { connection: connection.clone(), marks: BTreeMap::new() };
        }
        known
    }
}
