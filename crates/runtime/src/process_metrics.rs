//! The conventional `process_*` metrics, read from Linux's `/proc` at each scrape.

use std::{
    fs,
    sync::{Mutex, PoisonError},
};

use prometheus::{
    Counter, Gauge, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// Clock ticks per second in `/proc/<pid>/stat`; fixed by Linux's user-space interface on all common architectures.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the values when asked for them. Where `/proc` is missing or unreadable, the values stay 0.
pub(crate) struct ProcessCollector {
    /// Held while values are taken over, so that two scrapes at once do not both add the same CPU time.
    refreshing: Mutex<()>,
    cpu_seconds: Counter,
    resident_bytes: Gauge,
    virtual_bytes: Gauge,
    threads: Gauge,
    open_fds: Gauge,
    max_fds: Gauge,
    start_time: Gauge,
}

impl ProcessCollector {
    pub(crate) fn new() -> Result<ProcessCollector, prometheus::Error> {
        let gauge = |name: &str, help: &str| Gauge::with_opts(Opts::new(name, help));
        Ok(ProcessCollector {
            refreshing: Mutex::new(()),
            cpu_seconds: Counter::new(
                "process_cpu_seconds_total",
                "User and system CPU time spent in seconds",
            )?,
            resident_bytes: gauge("process_resident_memory_bytes", "Resident memory in bytes")?,
            virtual_bytes: gauge("process_virtual_memory_bytes", "Virtual memory in bytes")?,
            threads: gauge("process_threads", "Threads of the process")?,
            open_fds: gauge("process_open_fds", "Open file descriptors")?,
            max_fds: gauge("process_max_fds", "Limit of open file descriptors")?,
            start_time: gauge("process_start_time_seconds", "Start of the process in Unix seconds")?,
        })
    }

    fn parts(&self) -> [&dyn Collector; 7] {
        [
            &self.cpu_seconds,
            &self.resident_bytes,
            &self.virtual_bytes,
            &self.threads,
            &self.open_fds,
            &self.max_fds,
            &self.start_time,
        ]
    }

    fn refresh(&self) {
        let _alone = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
            let spent = stat.cpu_ticks / TICKS_PER_SECOND - self.cpu_seconds.get();
            self.cpu_seconds.inc_by(spent.max(0.0));
            self.threads.set(stat.threads);
            if let Some(boot) = field_of("/proc/stat", "btime") {
                self.start_time.set(boot + stat.start_ticks / TICKS_PER_SECOND);
            }
        }
        set(&self.resident_bytes, field_of("/proc/self/status", "VmRSS:").map(|kib| kib * 1024.0));
        set(&self.virtual_bytes, field_of("/proc/self/status", "VmSize:").map(|kib| kib * 1024.0));
        set(&self.max_fds, field_of("/proc/self/limits", "Max open files"));
        set(
            &self.open_fds,
            fs::read_dir("/proc/self/fd").ok().and_then(|fds| u32::try_from(fds.count()).ok()).map(f64::from),
        );
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.parts().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.refresh();
        self.parts().into_iter().flat_map(Collector::collect).collect()
    }
}

fn set(gauge: &Gauge, value: Option<f64>) {
    if let Some(value) = value {
        gauge.set(value);
    }
}

/// The first number after `label` in a file of labelled lines.
fn field_of(path: &str, label: &str) -> Option<f64> {
    number_after(&fs::read_to_string(path).ok()?, label)
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// What we need of `/proc/self/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu_ticks: f64,
    threads: f64,
    start_ticks: f64,
}

impl Stat {
    /// The second field is the program's name in parentheses and may hold anything, so count from its end: the
    /// state, field 3, comes first.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Stat { cpu_ticks: field(14)? + field(15)?, threads: field(20)?, start_ticks: field(22)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_a_hostile_program_name() {
        let text = "42 (a) R b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 7 0 999 0 0";
        assert_eq!(Stat::parse(text), Some(Stat { cpu_ticks: 200.0, threads: 7.0, start_ticks: 999.0 }));
        assert_eq!(Stat::parse("42 (cut"), None);
    }

    #[test]
    fn labelled_lines_give_their_first_number() {
        let limits = "Limit Soft\nMax open files            1024                 4096                 files";
        assert_eq!(number_after(limits, "Max open files"), Some(1024.0));
        assert_eq!(number_after("Max open files unlimited", "Max open files"), None);
    }

    #[test]
    fn this_process_has_memory_threads_and_files() -> Result<(), prometheus::Error> {
        let collector = ProcessCollector::new()?;
        assert_eq!(collector.collect().len(), 7);
        for gauge in
            [&collector.resident_bytes, &collector.threads, &collector.open_fds, &collector.start_time]
        {
            assert!(gauge.get() > 0.0, "{gauge:?} is not set");
        }
        Ok(())
    }
}
