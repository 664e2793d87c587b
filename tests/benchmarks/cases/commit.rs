//! Group commit: its bookkeeping, with a log that stores at once.
//!
//! Time passes only between two batches, so that nothing depends on how fast the machine is.

use std::{hint::black_box, time::Duration};

use events::catalogue::ORDERS;
use futures_util::future::join_all;
use messaging::{
    commit::{CommitConfig, GroupCommit, Linger, Lingering},
    headers::MSG_ID,
    log::Message,
    metrics::Metrics,
    trace::TraceContext,
};
use prometheus::Registry;
use tokio::{runtime::Builder, time::Instant};
use tokio_util::task::TaskTracker;

use super::{Work, prompt_log::PromptLog, samples};

/// Messages that wait at the same time.
const TOGETHER: usize = 20;
/// Between two batches: so much that nobody lingers, and that what was stored is soon no longer known.
const APART: Duration = Duration::from_millis(250);

pub(super) fn linger() -> Work {
    let (mut linger, mut now) = (Lingering::new(Linger::default()), Instant::now());
    Box::new(move || {
        now += Duration::from_millis(2);
        linger.note(black_box(TOGETHER), now);
        linger.committed(black_box(Duration::from_micros(1_500)));
        black_box(linger.wait(black_box(3)));
    })
}

/// From the submission of the messages to the answers for all of them.
#[expect(
    clippy::expect_used,
    reason = "nothing else is in the registry, and a runtime without I/O just starts"
)]
pub(super) fn group() -> Work {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let metrics = Metrics::register(&Registry::new()).expect("the metrics");
    let commit = runtime.block_on(async {
        let config = CommitConfig::for_stream(ORDERS.name);
        GroupCommit::spawn(PromptLog::default(), config, &metrics, &TaskTracker::new())
    });
    let template = Message::event(&samples::envelope(samples::created(1)), &TraceContext::default());
    let mut number = 0_u64;
    let mut next = move || {
        number += 1;
        let mut message = template.clone();
        message.headers.set(MSG_ID, uuid::Uuid::from_u128(number.into()).to_string());
        message
    };
    Box::new(move || {
        let published = (0..TOGETHER).map(|_| commit.publish(next()));
        let answers = runtime.block_on(async {
            tokio::time::advance(APART).await;
            join_all(published).await
        });
        assert!(black_box(answers).iter().all(Result::is_ok));
    })
}
