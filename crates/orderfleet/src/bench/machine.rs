//! The machine a bench ran on: figures mean nothing without it. What only Linux tells is left out elsewhere.

use std::{collections::BTreeMap, fs, path::Path, thread::available_parallelism};

use serde::Serialize;
use tokio::process::Command;

/// What ran where.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Processors this process may use.
    pub(crate) cores: usize,
    /// Their model.
    pub(crate) cpu: Option<String>,
    /// Bytes of memory.
    pub(crate) memory: Option<u64>,
    /// System and architecture, and the kernel's version.
    pub(crate) system: String,
    /// The file system that streams and databases are on.
    pub(crate) file_system: Option<String>,
    /// The broker's version.
    pub(crate) nats_server: Option<String>,
    /// The version of this program.
    pub(crate) orderfleet: &'static str,
    /// Compiled without optimisation, so that the figures say nothing.
    pub(crate) debug_build: bool,
}

impl Machine {
    /// This one, with data in this directory.
    pub(super) async fn here(data: &Path) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let system = format!("{} {} {}", std::env::consts::OS, std::env::consts::ARCH, kernel.trim());
        Self {
            cores: available_parallelism().map_or(1, Into::into),
            cpu: fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| cpu_model(&text)),
            memory: fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_memory(&text)),
            system: system.trim().to_owned(),
            file_system: fs::read_to_string("/proc/self/mounts")
                .ok()
                .and_then(|text| file_system(&text, data)),
            nats_server: broker_version().await,
            orderfleet: env!("CARGO_PKG_VERSION"),
            debug_build: cfg!(debug_assertions),
        }
    }

    /// Whether what is synced there is in memory all the same.
    #[must_use]
    pub(crate) fn disk_is_memory(&self) -> bool {
        matches!(self.file_system.as_deref(), Some("tmpfs" | "ramfs"))
    }
}

/// Processor time of the whole machine since it started, in seconds of one core.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Busy {
    /// Spent on anything.
    pub(super) used: f64,
    /// Wanted, while the hypervisor gave it to somebody else.
    pub(super) stolen: f64,
}

/// What the processors have done so far.
pub(super) fn busy() -> Option<Busy> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    busy_of(&stat, rustix::param::clock_ticks_per_second() as f64)
}

/// The first line of `/proc/stat`: user, nice, system, idle, waiting for the disk, two kinds of interrupts, stolen.
fn busy_of(stat: &str, ticks_per_second: f64) -> Option<Busy> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = line.split_whitespace().map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _disk, hard, soft, stolen, ..] = ticks[..] else { return None };
    let seconds = |ticks: f64| ticks / ticks_per_second;
    Some(Busy { used: seconds(user + nice + system + hard + soft), stolen: seconds(stolen) })
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

/// The type of the file system that holds `path`: that of the longest mount point above it, of equal ones the last.
fn file_system(mounts: &str, path: &Path) -> Option<String> {
    let entries = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((Path::new(fields.next()?), fields.next()?))
    });
    let above: BTreeMap<usize, &str> = entries
        .filter(|(point, _)| path.starts_with(point))
        .map(|(point, kind)| (point.components().count(), kind))
        .collect();
    Some((*above.last_key_value()?.1).to_owned())
}

/// `nats-server: v2.12.0`, as it says itself.
async fn broker_version() -> Option<String> {
    let executable = nats_server::locate().await.ok()?;
    let said = Command::new(executable).arg("--version").output().await.ok()?;
    let said = String::from_utf8(said.stdout).ok()?;
    Some(said.split_whitespace().last()?.trim_start_matches('v').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processors_are_not_busy_while_they_wait() {
        let stat = "cpu  100 20 30 9000 500 1 2 40 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(busy_of(stat, 100.0), Some(Busy { used: 1.53, stolen: 0.4 }));
        assert_eq!(busy_of("cpu  1 2\n", 100.0), None);
    }

    #[test]
    fn the_machine_is_described() {
        assert_eq!(
            cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n").as_deref(),
            Some("Some CPU @ 2GHz")
        );
        assert_eq!(total_memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
    }

    #[test]
    fn the_file_system_is_that_of_the_nearest_mount_point() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
        let at = |path| file_system(mounts, Path::new(path));
        assert_eq!(at("/home/x").as_deref(), Some("ext4"));
        assert_eq!(at("/tmp/y").as_deref(), Some("tmpfs"));
        assert_eq!(at("/tmp/disk/z").as_deref(), Some("xfs"));
    }
}
