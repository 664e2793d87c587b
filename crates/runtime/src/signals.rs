//! SIGTERM and SIGINT: the first asks for an orderly stop, the second ends the process at once.

use std::{convert::Infallible, io};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

use crate::shutdown::Shutdown;

/// The signals this process listens to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

#[derive(Clone, Copy)]
enum Received {
    Terminate,
    Interrupt,
}

impl Signals {
    /// Takes the signals over; from here on they no longer kill the process. Needs the async runtime.
    pub(crate) fn install() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Turns the first signal into a shutdown request and the second into the end of the process.
    pub(crate) async fn watch(mut self, shutdown: Shutdown) -> Infallible {
        let first = self.next().await;
        shutdown.request(first.name());
        let second = self.next().await;
        warn!(signal = second.name(), "second signal: exiting at once");
        std::process::exit(second.exit_code());
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received::Terminate,
            _ = self.interrupt.recv() => Received::Interrupt,
        }
    }
}

impl Received {
    fn name(self) -> &'static str {
        match self {
            Received::Terminate => "SIGTERM",
            Received::Interrupt => "SIGINT",
        }
    }

    /// What a shell reports for a process killed by the signal: 128 plus its number.
    fn exit_code(self) -> i32 {
        match self {
            Received::Terminate => 143,
            Received::Interrupt => 130,
        }
    }
}
