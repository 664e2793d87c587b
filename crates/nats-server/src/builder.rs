//! How a nats-server is to be run, and its first start.

use std::{
    fs::{self, File},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::{NatsServer, locate};

/// How often another free port is tried when somebody else took the one just chosen.
const PORT_ATTEMPTS: usize = 20;

/// How a server is to be run; made by [`NatsServer::builder`].
#[derive(Debug, Clone, Default)]
pub struct Builder {
    pub(crate) store_dir: Option<PathBuf>,
    pub(crate) port: u16,
    pub(crate) sync_always: bool,
    pub(crate) config_extra: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) own_process_group: bool,
    pub(crate) lock: Option<Arc<File>>,
}

impl Builder {
    /// Where streams, configuration and log are kept; survives the server. Default: a temporary directory that is
    /// removed with it.
    #[must_use]
    pub fn store_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.store_dir = Some(path.into());
        self
    }

    /// The client port on 127.0.0.1; 0 (the default) takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Whether every acknowledged message is on the disk (fsync) before its acknowledgement. Default: no, the server
    /// then writes at once but syncs every two minutes: a crash of the process loses nothing, a power cut may.
    #[must_use]
    pub fn sync_always(mut self, always: bool) -> Self {
        self.sync_always = always;
        self
    }

    /// Lines to append to the configuration, in the server's own format.
    #[must_use]
    pub fn config_extra(mut self, text: impl Into<String>) -> Self {
        self.config_extra = text.into();
        self
    }

    /// Sets an environment variable of the server, which its configuration can refer to as `$NAME`.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Whether the terminal's Ctrl-C must not reach the server, because the caller stops it in its own time.
    /// Default: no.
    #[must_use]
    pub fn own_process_group(mut self, own: bool) -> Self {
        self.own_process_group = own;
        self
    }

    /// A locked file that the server holds open (as its standard input): it stays locked for as long as the server
    /// lives, also when the server outlives the caller. Default: none.
    #[must_use]
    pub fn lock(mut self, file: Arc<File>) -> Self {
        self.lock = Some(file);
        self
    }

    /// Starts the server and waits until it, and no other, answers on its port with its streams recovered.
    ///
    /// # Errors
    /// No executable (see [`locate()`]), a taken port, an unusable store: with the end of the server's log.
    pub async fn start(self) -> anyhow::Result<NatsServer> {
        let executable = locate().await?;
        let directory = self.directory()?;
        let attempts = if self.port == 0 { PORT_ATTEMPTS } else { 1 };
        let mut server = NatsServer::prepare(executable, unique_name(), directory, self);
        for attempt in 1..=attempts {
            server.choose_port()?;
            match server.launch().await {
                Err(_) if attempt < attempts && server.port_was_taken() => {
                    fs::remove_file(server.log_path())?
                }
                other => return other.map(|()| server),
            }
        }
        bail!("no free port for nats-server was found")
    }

    fn directory(&self) -> anyhow::Result<(PathBuf, Option<TempDir>)> {
        if let Some(path) = &self.store_dir {
            fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
            // The server resolves relative paths against its own idea of a directory.
            return Ok((fs::canonicalize(path)?, None));
        }
        let dir = tempfile::Builder::new().prefix("nats-server-").tempdir()?;
        Ok((dir.path().to_owned(), Some(dir)))
    }
}

/// A name no other server that is running now has, so that an answer proves whose it is.
fn unique_name() -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    format!("orderfleet-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed))
}
