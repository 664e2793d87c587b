//! HTTP as every service of the fleet speaks it: the listener, what surrounds each request, and the extractors whose
//! refusals are problem documents.

mod body;
mod extract;
mod middleware;
mod ops;
pub(crate) mod server;

pub use extract::{Json, Path, Query};

pub use crate::problem::Problem;
