//! Disks of the suite's own: one whose power can be cut, and one that can be filled. Both need root.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use tempfile::TempDir;

/// Shuts the file system down as a power cut would: what was not synced is gone. `EXT4_IOC_SHUTDOWN` with
/// `NOLOGFLUSH`; in Python, because an ioctl of one's own is unsafe code in Rust.
const CUT: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A disk as a file system of its own. Dropping it unmounts it and gives everything back.
pub(crate) struct Disk {
    /// What is mounted: a loop device, or the name of a kind without one.
    device: String,
    mounted: PathBuf,
    _files: TempDir,
}

impl Disk {
    /// An ext4 of so many MiB on a loop device. The error says why this machine has none.
    pub(crate) fn ext4(mib: u64) -> anyhow::Result<Self> {
        let (files, mounted) = places()?;
        let image = files.path().join("image");
        File::create(&image)?.set_len(mib << 20)?;
        run("mkfs.ext4", &["-q", "-F", text(&image)?])?;
        let device = run("losetup", &["--find", "--show", text(&image)?])?;
        let disk = Self { device, mounted, _files: files };
        disk.mount()?;
        Ok(disk)
    }

    /// A file system in memory that holds so many MiB. The error says why this machine has none.
    pub(crate) fn small(mib: u64) -> anyhow::Result<Self> {
        let (files, mounted) = places()?;
        run("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs", text(&mounted)?])?;
        Ok(Self { device: "tmpfs".to_owned(), mounted, _files: files })
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mounted
    }

    /// Brings everything written so far to safety.
    pub(crate) fn sync(&self) -> anyhow::Result<()> {
        run("sync", &["--file-system", text(&self.mounted)?]).map(drop)
    }

    /// Cuts the power. From then on the disk fails; [`Disk::power_on`] shows what was on it.
    pub(crate) fn cut_power(&self) -> anyhow::Result<()> {
        run("python3", &["-c", CUT, text(&self.mounted)?]).map(drop)
    }

    /// Mounts the disk anew after a power cut. Nobody may have a file open on it.
    pub(crate) fn power_on(&self) -> anyhow::Result<()> {
        run("umount", &[text(&self.mounted)?])?;
        self.mount()
    }

    /// Takes all the space that is left, and keeps it until [`Disk::make_room`].
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        for size in [1 << 20, 4 << 10] {
            let piece = vec![0; size];
            while ballast.write_all(&piece).is_ok() {}
        }
        Ok(())
    }

    /// Gives back what [`Disk::fill`] took.
    pub(crate) fn make_room(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.mounted.join("ballast")
    }

    fn mount(&self) -> anyhow::Result<()> {
        run("mount", &[&self.device, text(&self.mounted)?]).map(drop)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever still holds a file open on it is about to die, and must not keep the disk alive.
        let unmounted = text(&self.mounted).and_then(|path| run("umount", &["--lazy", path]));
        let detached = if self.device.starts_with('/') {
            run("losetup", &["--detach", &self.device])
        } else {
            Ok(String::new())
        };
        for error in [unmounted.err(), detached.err()].into_iter().flatten() {
            // The suite goes on; whoever looks at the machine finds out why it is still there.
            let _ = writeln!(std::io::stderr(), "cannot take down {}: {error:#}", self.mounted.display());
        }
    }
}

fn places() -> anyhow::Result<(TempDir, PathBuf)> {
    let files = tempfile::Builder::new().prefix("orderfleet-disk-").tempdir()?;
    let mounted = files.path().join("mounted");
    fs::create_dir(&mounted)?;
    Ok((files, mounted))
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the temporary directory's name is no text")
}

/// Runs a program to its end and gives what it printed.
fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(output.status.success(), "{program} {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
