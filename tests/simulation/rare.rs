//! What the simulation claims to try. Over many seeds each of these must happen, or the claim is empty.

/// Everything that must have happened, see [`Trace::sometimes`](crate::trace::Trace::sometimes).
pub(crate) const RARE: &[&str] = &[];
