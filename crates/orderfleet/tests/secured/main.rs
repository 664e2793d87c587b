//! The broker as it is secured in production: who gets in, and what each may do there.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod backup;
mod copies;
mod deeds;
mod files;
mod fleet;
mod forbidden;
mod keys;
mod raw;
mod refused;
mod rig;
mod tls;
