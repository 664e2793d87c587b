//! The contract between the services: envelope, ids, money and every event type.
//!
//! Plain data and serde. This crate knows no broker, no async runtime, no clock, no randomness and no
//! business rule; it never decides anything. Serialisable types that cross a service boundary live
//! only here.
//!
//! | module | holds |
//! |---|---|
//! | [`envelope`] | the JSON body of every message, [`Envelope`] |
//! | [`catalogue`] | every stream: its subjects, its one writer, whether it is a journal |
//! | [`requests`], [`orders`], [`inventory`], [`payments`], [`notifications`], [`dead_letters`] | the event types, one module per stream |
//! | [`ids`], [`money`], [`timestamp`] | the value types they are made of |
//! | [`form`] | what the texts in them look like that callers choose: a SKU, a customer's id |

pub mod catalogue;
pub mod dead_letters;
mod define;
pub mod envelope;
pub mod form;
pub mod ids;
pub mod inventory;
pub mod money;
pub mod notifications;
pub mod orders;
pub mod payments;
pub mod requests;
mod text;
pub mod timestamp;

pub use envelope::{DecodeError, Envelope, EventData, RawEnvelope, StreamEvent};
pub use ids::{OrderId, TraceId};
pub use money::{Currency, Money};
pub use timestamp::Timestamp;
