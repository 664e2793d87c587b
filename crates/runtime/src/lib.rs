//! The process around a service: configuration, telemetry, health, metrics, signals, shutdown, clock.
//!
//! A service's `main` is one sentence:
//!
//! ```no_run
//! # #[derive(clap::Args)]
//! # struct Config {}
//! # async fn start(_: Config, process: runtime::Process) -> anyhow::Result<()> {
//! #     process.serve(axum::Router::new()).await?;
//! #     Ok(())
//! # }
//! fn main() -> std::process::ExitCode {
//!     runtime::run(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), start)
//! }
//! ```
//!
//! `start` receives the service's own configuration and a [`Process`]. It wires things up, spawns its loops through
//! [`Process::tasks`], calls [`Process::serve`] and returns; the process then lives until it is told to stop
//! (SIGTERM, SIGINT) or until one of its tasks fails.
//!
//! What a reader can rely on:
//!
//! - This is the only crate that reads the environment, installs a subscriber, handles signals, builds the async
//!   runtime or reads the wall clock. It knows no event, no subject and no word of the business.
//! - Nothing is bound and nothing is connected before the whole configuration has been read and found valid.
//! - The exit code tells the truth: 0 stopped as asked, 1 something failed or the drain took too long, 64 the
//!   configuration is wrong, 130 or 143 stopped at once by a second signal.

mod allocator;
mod cli;
mod clock;
mod config;
mod drain;
mod health;
mod healthcheck;
mod host;
pub mod http;
mod http_client;
pub mod metrics;
mod problem;
mod process;
mod process_metrics;
mod run;
mod shutdown;
mod signals;
mod tasks;
mod telemetry;

pub use allocator::{ALLOCATOR, Allocator};
pub use clock::{Clock, ManualClock};
pub use config::ConfigError;
pub use health::{Heartbeat, ReadinessCheck};
pub use host::host_name;
pub use http_client::{AuthoritiesError, http_client, http_client_trusting, trusts_anybody};
pub use problem::{FieldError, Problem};
pub use process::Process;
pub use run::run;
pub use shutdown::Shutdown;
pub use tasks::Tasks;
