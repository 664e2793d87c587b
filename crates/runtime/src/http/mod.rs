//! HTTP as every service of the fleet speaks it: the listener, what surrounds each request, and the extractors whose
//! refusals are problem documents.

mod body;
mod extract;
mod idempotency;
mod json;
mod middleware;
mod ops;
mod paging;
pub(crate) mod server;

pub use extract::{Path, Query};
pub use idempotency::{IdempotencyKey, REPLAYED};
pub use json::{Json, Refusal, json_body, json_body_if_any, read_json};
pub use paging::{page_end, page_limit, read_cursor, write_cursor};

pub use crate::problem::{FieldError, Problem};
