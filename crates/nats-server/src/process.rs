//! A child process whose exit is noticed at once and which never outlives its owner.

use std::{io, path::Path, process::ExitStatus, time::Duration};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::{process::Command, sync::watch, task::JoinSet};

/// How long dropping a process waits for the kernel to finish killing it.
const DROP_PATIENCE: Duration = Duration::from_secs(2);

/// A running child process. Dropping it kills it with SIGKILL and waits until it is dead.
///
/// Signals sent after the process has exited do nothing and succeed.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    own_group: bool,
    exit: watch::Receiver<Option<ExitStatus>>,
    /// Reaps the child; holding it here ties the child to this value.
    _watcher: JoinSet<()>,
}

impl Process {
    /// Starts `command` in the process group of the caller: Ctrl-C on the terminal reaches it, too.
    ///
    /// # Errors
    /// When the operating system cannot start it. Must be called within a tokio runtime.
    pub fn spawn(command: Command) -> io::Result<Self> {
        Self::start(command, false)
    }

    /// Starts `command` as the leader of a process group of its own: Ctrl-C on the terminal does not reach it, and
    /// signals sent through this value also reach whatever it has started itself.
    ///
    /// # Errors
    /// When the operating system cannot start it. Must be called within a tokio runtime.
    pub fn spawn_in_own_group(mut command: Command) -> io::Result<Self> {
        command.process_group(0);
        Self::start(command, true)
    }

    fn start(mut command: Command, own_group: bool) -> io::Result<Self> {
        let mut child = command.kill_on_drop(true).spawn()?;
        let raw = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = raw.ok_or_else(|| io::Error::other("the new process has no id"))?;
        let (report, exit) = watch::channel(None);
        let mut watcher = JoinSet::new();
        watcher.spawn(async move {
            if let Ok(status) = child.wait().await {
                report.send_replace(Some(status));
            }
        });
        Ok(Self { pid, own_group, exit, _watcher: watcher })
    }

    /// The operating system's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_pid().unsigned_abs()
    }

    /// How the process ended, or `None` while it runs (or is stopped by [`Process::pause`]).
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits until the process has ended, for whatever reason.
    ///
    /// # Errors
    /// When the operating system lost track of it.
    pub async fn wait(&self) -> io::Result<ExitStatus> {
        self.ended().await
    }

    /// As [`Process::wait`], but the waiting does not borrow this value.
    pub fn ended(&self) -> impl Future<Output = io::Result<ExitStatus>> + Send + use<> {
        let mut exit = self.exit.clone();
        async move {
            let status = exit.wait_for(Option::is_some).await.map_err(io::Error::other)?;
            status.ok_or_else(|| io::Error::other("the process has ended without a status"))
        }
    }

    /// Sends SIGKILL and waits for the end.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub async fn kill(&self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL)?;
        self.wait().await
    }

    /// Sends SIGTERM; the process decides what to do about it. A paused process is woken up to hear it.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)?;
        self.signal(Signal::CONT)
    }

    /// Sends SIGTERM and waits for the end; SIGKILL follows when `grace` has passed.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub async fn stop(&self, grace: Duration) -> io::Result<ExitStatus> {
        self.terminate()?;
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(status) => status,
            Err(_) => self.kill().await,
        }
    }

    /// Sends SIGSTOP, and blocks for the moment it takes until the last thread has stopped: the process keeps its
    /// sockets and memory but runs no more.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(Signal::STOP)?;
        let stopped_or_dead = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match rustix::process::waitid(WaitId::Pid(self.pid), stopped_or_dead) {
            // It had ended and was collected before.
            Ok(_) | Err(rustix::io::Errno::CHILD) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends SIGCONT after [`Process::pause`].
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn resume(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        // Once the watcher is gone the process has been collected, and its id may belong to another one.
        if self.exit.has_changed().is_err() {
            return Ok(());
        }
        let sent = if self.own_group {
            rustix::process::kill_process_group(self.pid, signal)
        } else {
            rustix::process::kill_process(self.pid, signal)
        };
        match sent {
            // It ended between the check and the signal.
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => Ok(other?),
        }
    }

    /// True when the process is dead, also when nobody has collected its exit status yet.
    fn is_dead(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(rustix::process::waitid(WaitId::Pid(self.pid), look), Ok(None))
    }

    /// Sends SIGKILL and blocks until the process is dead, a few milliseconds as a rule and two seconds at most. For
    /// places that cannot await, such as `Drop`.
    pub fn kill_now(&self) {
        if self.exit_status().is_some() || self.signal(Signal::KILL).is_err() {
            return;
        }
        // The owner may remove the files of the process next; it must not be writing then.
        let step = Duration::from_millis(1);
        let mut left = DROP_PATIENCE;
        while !self.is_dead() && !left.is_zero() {
            std::thread::sleep(step);
            left = left.saturating_sub(step);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_now();
    }
}

/// The last `lines` lines of the file at `path`, or an empty text when it cannot be read.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn sleeper() -> Command {
        let mut command = Command::new("sleep");
        command.arg("600");
        command
    }

    fn alive(pid: u32) -> bool {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }

    #[tokio::test]
    async fn a_signal_ends_it_and_the_status_tells_which() -> io::Result<()> {
        let process = Process::spawn(sleeper())?;
        assert_eq!(process.exit_status(), None);
        assert_eq!(process.stop(Duration::from_secs(10)).await?.signal(), Some(15));
        let process = Process::spawn(sleeper())?;
        assert_eq!(process.kill().await?.signal(), Some(9));
        process.terminate()?; // After the end: nothing happens.
        Ok(())
    }

    #[tokio::test]
    async fn a_paused_process_can_be_stopped() -> io::Result<()> {
        let process = Process::spawn_in_own_group(sleeper())?;
        process.pause()?;
        assert_eq!(process.stop(Duration::from_secs(10)).await?.signal(), Some(15));
        Ok(())
    }

    #[tokio::test]
    async fn a_deaf_process_is_killed_when_the_grace_is_over() -> io::Result<()> {
        let mut command = Command::new("sh");
        let (mut stderr, ours) = std::io::pipe()?;
        // An ignored signal stays ignored over exec; the word says that it is.
        command.args(["-c", "trap '' TERM; echo deaf >&2; exec sleep 600"]).stderr(ours);
        let process = Process::spawn(command)?;
        let mut said = [0; 4];
        std::io::Read::read_exact(&mut stderr, &mut said)?;
        assert_eq!(process.stop(Duration::from_millis(50)).await?.signal(), Some(9));
        Ok(())
    }

    #[tokio::test]
    async fn dropping_kills_the_whole_group() -> io::Result<()> {
        let mut command = Command::new("sh");
        let (reader, ours) = std::io::pipe()?;
        command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(ours);
        let process = Process::spawn_in_own_group(command)?;
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(reader), &mut line)?;
        let grandchild: u32 = line.trim().parse().map_err(io::Error::other)?;
        assert!(alive(grandchild));
        let pid = process.pid();
        drop(process);
        // Both are zombies at most; init collects the grandchild, the runtime the child.
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while is_running(grandchild) || is_running(pid) {
            assert!(std::time::Instant::now() < deadline, "still running");
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// True when `/proc` (or, without it, a null signal) shows the process and it is no zombie.
    fn is_running(pid: u32) -> bool {
        match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => !stat.contains(") Z "),
            Err(_) => !Path::new("/proc/self").exists() && alive(pid),
        }
    }

    #[test]
    fn tail_gives_the_last_lines_only() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("log");
        std::fs::write(&path, "1\n2\n3\n")?;
        assert_eq!(tail(&path, 2), "2\n3");
        assert_eq!(tail(&path, 9), "1\n2\n3");
        assert_eq!(tail(&dir.path().join("none"), 9), "");
        Ok(())
    }
}
