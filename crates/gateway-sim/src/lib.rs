//! A card gateway with a ledger and fault switches, for development and tests.
//!
//! It speaks the part of a Stripe-shaped HTTP API that orderfleet uses, in JSON:
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/charges` | 200 with the charge, 402 declined, 400 invalid |
//! | `GET /v1/charges/lookup?idempotency_key=` or `?order_id=` | the charges made so, oldest first |
//! | `POST /v1/refunds` | 200 with the refund, 400 more than was captured, 404 no such charge |
//! | `GET /v1/refunds/lookup?idempotency_key=` or `?order_id=` | the refunds made so, oldest first |
//! | `GET /admin/ledger?cursor=&limit=` | every charge and refund in order, a page at a time |
//! | `GET /admin/ledger/summary` | totals |
//! | `GET /admin/traffic` | requests to `/v1`: how many at once, how many in each second; see [`Traffic`] |
//! | `GET`, `PUT`, `PATCH /admin/faults` | the fault switches; a body names only those to change |
//!
//! Both `POST`s need an `Idempotency-Key`. The same key with the same request gets the very answer of the
//! first time, marked `Idempotent-Replayed: true`; with another request it is a 400 `idempotency_error`.
//! Refused requests (400, 404) leave no trace, so their key stays free.
//!
//! # Payment methods
//!
//! | `payment_method` | outcome |
//! |---|---|
//! | `tok_charge_declined` | 402 `card_declined` |
//! | `tok_insufficient_funds` | 402 `insufficient_funds` |
//! | `tok_expired_card` | 402 `expired_card` |
//! | `tok_internal_error` | 500, every time: one payment that fails where all others go through |
//! | anything else, for instance `tok_visa` | captured |
//!
//! # Faults
//!
//! Rates are probabilities from 0 to 1. They are drawn from the seed and a counter, so a run with the same
//! seed and the same sequence of requests meets the same faults; whether `decline_rate` hits a charge depends on its
//! idempotency key alone, so concurrency does not change who is declined. Faults touch `/v1` only.
//!
//! | switch | effect |
//! |---|---|
//! | `latency_ms`, `latency_jitter_ms` | every answer waits that long, plus up to the jitter, before anything is done |
//! | `decline_rate` | charges declined with `card_declined` |
//! | `error_rate` | 500 before anything is done |
//! | `error_after_rate` | 500 although the work was done |
//! | `hang_rate`, `hang_ms` | the work is done at once, its answer comes `hang_ms` later |
//! | `late_rate`, `hang_ms` | the work is done `hang_ms` later, and then answered; until then no look-up finds it |
//! | `reset_rate` | the connection is closed without an answer; in half of the cases the work was done |
//! | `outage` | 503 to everything |
//! | `ignore_idempotency` | keys are recorded but not honoured: every request is a new one; look-ups find what was booked |
//!
//! As with a real gateway, work that has begun is done even if the caller has gone, be it from impatience or because the
//! program gave up on the answer after its 30 s with a 503. Only the end of the process ends it.

mod admin;
mod api;
mod config;
mod dice;
mod embed;
mod entry;
mod error;
mod faults;
mod index;
mod ledger;
mod ledger_file;
mod sim;
mod traffic;
mod wire;

pub use config::{Config, start};
pub use embed::{TestGateway, spawn_for_tests};
pub use entry::{Amounts, DeclineCode, Entry, Operation, Summary};
pub use faults::{FaultError, Faults};
pub use ledger_file::OpenLedgerError;
pub use sim::{GatewaySim, Options};
pub use traffic::Traffic;
pub use wire::LedgerPage;
