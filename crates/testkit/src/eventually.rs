//! Waiting for a condition with a deadline: the only place where tests let time pass.

use std::{fmt::Debug, time::Duration};

use tokio::time::{Instant, sleep};

/// Short against anything worth waiting for, long enough not to burn the processor.
const POLL: Duration = Duration::from_millis(10);

/// What a probe may return: a state of affairs that holds or does not hold yet.
pub trait Condition {
    /// What the waiting test gets when it holds.
    type Value;

    /// The value, or what was seen instead.
    ///
    /// # Errors
    /// A description of the present state, for the message of the failed test.
    fn holds(self) -> Result<Self::Value, String>;
}

impl Condition for bool {
    type Value = ();

    fn holds(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("it is false".to_owned()) }
    }
}

impl<T> Condition for Option<T> {
    type Value = T;

    fn holds(self) -> Result<T, String> {
        self.ok_or_else(|| "there is none".to_owned())
    }
}

impl<T, E: Debug> Condition for Result<T, E> {
    type Value = T;

    fn holds(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Asks `probe` again and again until it answers `true`, `Some` or `Ok`, and gives what it found.
///
/// ```
/// # use std::time::Duration;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut asked = 0;
/// let found = testkit::eventually(Duration::from_secs(5), "the third answer", async || {
///     asked += 1;
///     (asked == 3).then_some("here")
/// });
/// assert_eq!(found.await, "here");
/// # });
/// ```
///
/// # Panics
/// When `within` has passed, also if the probe itself hangs; the message names `what` and the last answer.
pub async fn eventually<C: Condition>(
    within: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> C,
) -> C::Value {
    let deadline = Instant::now() + within;
    let mut seen = "the first look did not end".to_owned();
    loop {
        match tokio::time::timeout_at(deadline, probe()).await.map(Condition::holds) {
            Ok(Ok(value)) => return value,
            Ok(Err(instead)) => seen = instead,
            Err(_) => panic!("waited {within:?} for {what}, but {seen}"),
        }
        assert!(Instant::now() < deadline, "waited {within:?} for {what}, but {seen}");
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(40);

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited 40ms for rain, but \"dry\"")]
    async fn tells_what_it_saw_instead() {
        eventually(SOON, "rain", async || Err::<(), _>("dry")).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited 40ms for an answer, but the first look did not end")]
    async fn a_hanging_probe_does_not_hang_the_test() {
        eventually(SOON, "an answer", std::future::pending::<bool>).await;
    }
}
