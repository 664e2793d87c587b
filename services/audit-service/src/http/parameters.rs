//! Reads parameters, and says what to fix about those that cannot be read.

use events::{OrderId, Timestamp, TraceId};
use runtime::Problem;
use uuid::Uuid;

use crate::{fields::MAX_TEXT, projection::STREAMS};

/// The id of an order.
pub(super) fn order_id(name: &'static str, text: &str) -> Result<Uuid, Problem> {
    let order_id = text.parse::<OrderId>();
    let OrderId(order_id) = order_id
        .map_err(|_not_a_uuid| Problem::invalid_parameter(name, format_args!("must be {}", OrderId::FORM)))?;
    Ok(order_id)
}

/// The name of a stream.
pub(super) fn stream(name: &'static str, text: &str) -> Result<&'static str, Problem> {
    let known = STREAMS.iter().find(|known| **known == text).copied();
    known.ok_or_else(|| {
        Problem::invalid_parameter(name, format_args!("must be one of {}", STREAMS.join(", ")))
    })
}

/// The id of a trace, in lower-case hex.
pub(super) fn trace_id(name: &'static str, text: &str) -> Result<String, Problem> {
    let trace_id = text.to_ascii_lowercase().parse::<TraceId>();
    let trace_id = trace_id.map_err(|_no_id| Problem::invalid_parameter(name, "must be 32 hex digits"))?;
    Ok(trace_id.to_string())
}

/// An instant, in microseconds since 1970.
pub(super) fn instant(name: &'static str, text: &str) -> Result<i64, Problem> {
    let instant = text.parse::<Timestamp>().map_err(|_no_instant| {
        Problem::invalid_parameter(
            name,
            "must be an instant such as 2026-08-24T10:00:00Z (write + as %2B in an offset)",
        )
    })?;
    Ok(instant.0)
}

/// A sequence; 0 is before the first.
pub(super) fn sequence(name: &'static str, text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_no_number| {
        Problem::invalid_parameter(name, "must be a sequence: a whole number, 0 or more")
    })
}

/// A type or the id of an aggregate: one that the trail could hold.
pub(super) fn text(name: &'static str, text: String) -> Result<String, Problem> {
    if text.is_empty() || text.len() > MAX_TEXT || text.contains('\0') {
        let what_to_fix = format_args!("must be 1 to {MAX_TEXT} bytes without NUL");
        return Err(Problem::invalid_parameter(name, what_to_fix));
    }
    Ok(text)
}
