//! Finds, fetches and runs a real nats-server for the command line and the tests.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let server = nats_server::NatsServer::builder().sync_always(true).start().await?;
//! println!("{}", server.url());
//! server.kill().await?;
//! server.restart().await?; // Same port, same store.
//! # Ok(())
//! # }
//! ```
//!
//! Reading order: [`locate()`] (which executable), `builder` and `config` (what it is told), `server` (its life),
//! `process` (any child process and its signals).

mod builder;
mod config;
mod fetch;
mod locate;
mod ports;
mod process;
mod server;

pub use builder::Builder;
pub use locate::{locate, must_download, target_dir};
pub use ports::{free_port, is_free};
pub use process::{Process, tail};
pub use server::NatsServer;
