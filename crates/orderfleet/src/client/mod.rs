//! The services' HTTP APIs as typed calls.
//!
//! Each client shares one pooled connection set among its clones. None of them repeats a call by itself: whether it
//! is worth it is the caller's decision, and [`CallError::is_transient`] tells. Shapes that the command line does not
//! look at are not spelt out here.

mod audit;
mod endpoint;
mod error;
mod orders;
mod patience;
mod stock;

pub use audit::{AuditClient, TimelineEvent};
pub use error::{BadUrl, CallError, FieldError, Problem};
pub use orders::{
    OpenOrder, OpenOrderPage, Order, OrderBody, OrderClient, OrderFilter, OrderLine, OrderPage, OrderStatus,
    Payment, Placed, Refund,
};
pub use patience::patiently;
pub use stock::{Stock, StockClient, StockLevel};

pub(crate) use audit::{Digest, Integrity, Next, StreamIntegrity, Stretch};
pub(crate) use endpoint::Endpoint;
