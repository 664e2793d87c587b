//! Ctrl-C and its relatives: the first asks for an orderly stop, the second for an immediate one.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// SIGINT, SIGTERM and SIGHUP (the terminal was closed) of this process, counted.
#[derive(Debug)]
pub(crate) struct Interrupt {
    first: CancellationToken,
    second: CancellationToken,
    _listeners: JoinSet<()>,
}

impl Interrupt {
    /// Takes the signals over; from here on they no longer end the process by themselves.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn install() -> io::Result<Self> {
        let (first, second) = (CancellationToken::new(), CancellationToken::new());
        let (report, mut received) = mpsc::channel(1);
        let mut listeners = JoinSet::new();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let (mut signal, report) = (signal(kind)?, report.clone());
            listeners.spawn(async move {
                while signal.recv().await.is_some() && report.send(()).await.is_ok() {}
            });
        }
        let tokens = (first.clone(), second.clone());
        listeners.spawn(async move {
            received.recv().await;
            tokens.0.cancel();
            received.recv().await;
            tokens.1.cancel();
        });
        Ok(Self { first, second, _listeners: listeners })
    }

    /// Cancelled by the first signal.
    pub(crate) fn first(&self) -> CancellationToken {
        self.first.clone()
    }

    /// Comes back at the second signal.
    pub(crate) async fn second(&self) {
        self.second.cancelled().await;
    }
}
