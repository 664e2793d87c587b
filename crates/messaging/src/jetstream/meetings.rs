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

/// The streams that were met over the connection to one server. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub(super) struct Meetings(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    connection: Connection,
    last: BTreeMap<String, u64>,
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

/// A stream as it was met.
pub(super) struct Met {
    connection: Connection,
    /// Its last sequence at that time.
    pub(super) last: u64,
}

impl Met {
    /// Whether the connection is still the one it was met over.
    pub(super) fn still_holds(&self, js: &JetStream) -> bool {
        self.connection == Connection::of(js)
    }
}

impl Meetings {
    /// The stream as it was met over the present connection, which is now if it was not yet.
    pub(super) async fn with(&self, js: &JetStream, stream: &str) -> Result<Met, Unavailable> {
        let connection = Connection::of(js);
        if let Some(last) = self.of(&connection).last.get(stream).copied() {
            return Ok(Met { connection, last });
        }
        let last = js.extent(stream).await?.last;
        let last = *self.of(&connection).last.entry(stream.to_owned()).or_insert(last);
        Ok(Met { connection, last })
    }

    /// What is known of a connection; what was known of another is forgotten.
    fn of(&self, connection: &Connection) -> MutexGuard<'_, Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.connection != *connection {
            *known = Known { connection: connection.clone(), last: BTreeMap::new() };
        }
        known
    }
}
