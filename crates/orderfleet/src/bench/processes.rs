//! What a process has used, as Linux tells it; elsewhere it is not known.

use std::{fs, time::Duration};

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processor time since it began, in user and system.
    pub(super) cpu: Duration,
    /// Bytes of memory it has now.
    pub(super) rss: u64,
    /// The most it ever had.
    pub(super) peak: u64,
}

/// Looks at a process; `None` when it is gone, or nobody tells.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let (stat, status) = (read("stat")?, read("status")?);
    let cpu = cpu(&stat, ticks_per_second())?;
    Some(Usage { cpu, rss: kilobytes(&status, "VmRSS:")?, peak: kilobytes(&status, "VmHWM:")? })
}

/// In which unit processor time is told.
fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// User and system time, the 14th and 15th field of `/proc/<pid>/stat`. The 2nd, the name, may hold anything.
fn cpu(stat: &str, ticks_per_second: u64) -> Option<Duration> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_secs_f64((user + system) as f64 / ticks_per_second as f64))
}

/// A line of `/proc/<pid>/status`, in bytes.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "4711 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 8 0 1000 1 2";
        assert_eq!(cpu(stat, 100), Some(Duration::from_secs(3)));
        assert_eq!(cpu("4711 (cut) S 1 2", 100), None);
    }

    #[test]
    fn memory_is_told_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(1 << 20));
        assert_eq!(kilobytes(status, "VmHWM:"), Some(2 << 20));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        let usage = usage(std::process::id()).expect("its own usage");
        assert!(usage.rss > 0 && usage.peak >= usage.rss);
    }
}
