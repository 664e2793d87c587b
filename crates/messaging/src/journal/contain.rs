//! The panic boundary around a decider: a rule that panics must not take the journal down with it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Calls the decider; the error is what it said when it panicked.
///
/// Whatever the call had a mutable hold of is in pieces after a panic: it must be thrown away.
pub(super) fn contain<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| said(&*panic))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_said_is_kept() {
        let number = 13;
        assert_eq!(contain(|| number), Ok(13));
        assert_eq!(contain(|| panic!("plainly")), Err::<(), _>("panicked: plainly".to_owned()));
        assert_eq!(contain(|| panic!("with {number}")), Err::<(), _>("panicked: with 13".to_owned()));
        let odd = || std::panic::panic_any(number);
        assert_eq!(contain(odd), Err::<(), _>("panicked: without a word".to_owned()));
    }
}
