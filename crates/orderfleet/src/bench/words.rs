//! What figures say in words: the same in the text and on the page.

use super::{
    course::Profile,
    figures::{Figures, StageFigures},
};

impl Figures {
    /// What takes the figures their worth, or some of it; one sentence each.
    #[must_use]
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.machine.debug_build {
            warnings.push(
                "this was a debug build: its figures say nothing about how fast the fleet is".to_owned(),
            );
        }
        if self.machine.disk_is_memory() && self.fsync {
            warnings.push(
                "the data was on a file system in memory, where fsync costs nothing; use --data-dir"
                    .to_owned(),
            );
        }
        if self.headline.is_none() {
            warnings.push("the fleet kept up with no step; begin lower, with --rate".to_owned());
        }
        if self.retries > 0 {
            warnings.push(format!(
                "requests were repeated {} times, because the fleet was away or asked for patience",
                self.retries
            ));
        }
        warnings.extend(self.stages.iter().filter(|stage| stage.not_placed > 0).map(|stage| {
            format!(
                "{} of {} orders at {:.0} orders/s were never placed: too many were under way; latencies leave them out",
                stage.not_placed, stage.due, stage.rate
            )
        }));
        warnings.extend(self.unexpected.iter().map(|answer| format!("unexpected: {answer}")));
        if self.unexpected_count > self.unexpected.len() as u64 {
            warnings.push(format!("{} unexpected answers in all", self.unexpected_count));
        }
        warnings
    }

    /// How far the fleet was behind.
    #[must_use]
    pub(crate) fn behind(&self) -> Vec<String> {
        let backlog = &self.backlog;
        let mut behind = vec![format!(
            "at most {} orders without an outcome; the last one had it {:.1} s after the load",
            backlog.largest, backlog.seconds_after_load
        )];
        if self.profile == Profile::BlackFriday {
            behind.push(backlog.seconds_after_burst.map_or_else(
                || "the backlog of the burst was not gone before the load was over".to_owned(),
                |seconds| format!("the backlog of the burst was gone after {seconds:.1} s"),
            ));
        }
        behind
    }
}

impl StageFigures {
    /// Who used the processors.
    #[must_use]
    pub(crate) fn processors(&self) -> String {
        match (self.cores, self.cores_of_others, self.cores_stolen) {
            (Some(cores), Some(others), Some(stolen)) => {
                format!("{cores:.2} cores in all; others used {others:.2}, the hypervisor kept {stolen:.2}")
            }
            (Some(cores), _, _) => format!("{cores:.2} cores in all; what others used is not known"),
            (None, _, _) => "processor time and memory are not known on this system".to_owned(),
        }
    }
}
