//! How far verifying has come, in words.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use super::super::figures::grouped;
use crate::{ui::Ui, verify::Progress};

/// Tells each step as it begins, and on a terminal also how far it has come.
pub(super) fn teller(ui: &Ui) -> impl Fn(Progress) + Send + Sync + 'static {
    let (ui, begun) = (ui.clone(), Mutex::new(BTreeSet::new()));
    move |progress| {
        if progress == Progress::Connecting {
            ui.waiting_for("the broker");
        }
        let Some((step, state)) = words(progress) else { return };
        if begun.lock().unwrap_or_else(PoisonError::into_inner).insert(step) {
            ui.step(step);
        }
        ui.update(format_args!("{step}{state}"));
    }
}

/// The step, and how far it has come; `None` when there is nothing to do.
fn words(progress: Progress) -> Option<(&'static str, String)> {
    let of = |read, total| format!(": {} of {}", grouped(read), grouped(total));
    match progress {
        Progress::Connecting | Progress::Reading { total: 0, .. } | Progress::Trail { total: 0, .. } => None,
        Progress::Reading { read, total } => Some(("reading the streams", of(read, total))),
        Progress::Waiting { open, left } => {
            let state = format!(": {} things open, {} s left", grouped(open as u64), left.as_secs());
            Some(("waiting for the fleet to finish", state))
        }
        Progress::Ledger { read } => Some(("reading the gateway's ledger", format!(": {}", grouped(read)))),
        Progress::Trail { read, total } => Some(("reading the audit trail", of(read, total))),
        Progress::Proof { verified } => {
            Some(("checking the audit trail's hashes", format!(": {}", grouped(verified))))
        }
        Progress::Judging => Some(("judging", String::new())),
        Progress::LookingAgain => Some(("something seems wrong, looking again", String::new())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn steps_say_how_far_they_are() {
        let said = |progress| words(progress).map(|(step, state)| format!("{step}{state}"));
        let reading = Progress::Reading { read: 1_500, total: 8_000_000 };
        assert_eq!(said(reading).as_deref(), Some("reading the streams: 1,500 of 8,000,000"));
        let waiting = Progress::Waiting { open: 3, left: Duration::from_secs(12) };
        assert_eq!(
            said(waiting).as_deref(),
            Some("waiting for the fleet to finish: 3 things open, 12 s left")
        );
        assert_eq!(said(Progress::Reading { read: 0, total: 0 }), None);
    }
}
