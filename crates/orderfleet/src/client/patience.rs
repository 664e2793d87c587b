//! Asking again when a service is away for a moment.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

use super::error::CallError;

/// Pause before the next attempt, unless the service asks for another.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes the same call until it succeeds, fails for good, or has failed for so long.
///
/// # Errors
/// That of the last attempt.
pub async fn patiently<T, F>(within: Duration, call: impl Fn() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let deadline = Instant::now() + within;
    loop {
        match call().await {
            Err(error) if error.is_transient() && Instant::now() < deadline => {
                let pause = error.retry_after().unwrap_or(PAUSE);
                sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn away() -> CallError {
        CallError::NoAnswer {
            url: "http://a/".to_owned(),
            what: "cannot be reached".to_owned(),
            never_sent: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_comes_back_is_worth_the_wait() {
        let calls = Cell::new(0);
        let call = || async {
            calls.set(calls.get() + 1);
            if calls.get() < 4 { Err(away()) } else { Ok(calls.get()) }
        };
        assert_eq!(patiently(Duration::from_secs(10), call).await.ok(), Some(4));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let started = Instant::now();
        let outcome: Result<(), CallError> =
            patiently(Duration::from_secs(3), || async { Err(away()) }).await;
        assert!(matches!(outcome, Err(CallError::NoAnswer { .. })));
        assert_eq!(started.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_succeed_is_not_tried_again() {
        let calls = Cell::new(0);
        let unreadable = || CallError::Unreadable { url: String::new(), status: 200, error: String::new() };
        let outcome: Result<(), CallError> = patiently(Duration::from_secs(3), || async {
            calls.set(calls.get() + 1);
            Err(unreadable())
        })
        .await;
        assert!(outcome.is_err() && calls.get() == 1);
    }
}
