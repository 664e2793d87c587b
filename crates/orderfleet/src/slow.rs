//! What is quick as a rule, and what to say when it is not.

use std::{future::Future, pin::pin, time::Duration};

use tokio::time::timeout;

/// Whoever waits for longer wants to know what for.
const QUICK: Duration = Duration::from_secs(1);

/// Does something, and calls `slow` once if it takes longer than a moment.
pub(crate) async fn unless_quick<T>(work: impl Future<Output = T>, slow: impl FnOnce()) -> T {
    let mut work = pin!(work);
    if let Ok(done) = timeout(QUICK, work.as_mut()).await {
        return done;
    }
    slow();
    work.await
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_takes_long_is_worth_a_word() {
        for (takes, told) in [(0, false), (999, false), (1_001, true), (60_000, true)] {
            let mut said = false;
            let work = async {
                sleep(Duration::from_millis(takes)).await;
                takes
            };
            assert_eq!((unless_quick(work, || said = true).await, said), (takes, told));
        }
    }
}
