//! Which nats-server executable to run.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use tokio::{process::Command, sync::OnceCell};

use crate::fetch;

/// The oldest server that has atomic batches, on which the journals stand.
const OLDEST: (u32, u32) = (2, 12);

/// Finds a nats-server of at least 2.12: `$NATS_SERVER`, else the one on `PATH`, else the pinned one in
/// `target/tools/`, which is downloaded once. Looked up once per process.
///
/// # Errors
/// One message that says what to do, when `$NATS_SERVER` is unusable or nothing could be found nor downloaded.
pub async fn locate() -> anyhow::Result<PathBuf> {
    static FOUND: OnceCell<PathBuf> = OnceCell::const_new();
    FOUND.get_or_try_init(look).await.cloned()
}

async fn look() -> anyhow::Result<PathBuf> {
    match installed().await? {
        Some(executable) => Ok(executable),
        None => fetch::into(&tools()?).await,
    }
}

/// Whether [`locate()`] will have to download one, which takes a while.
pub async fn must_download() -> bool {
    matches!(installed().await, Ok(None))
}

/// The one to run, if it is on this machine already.
async fn installed() -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = env::var_os("NATS_SERVER").filter(|path| !path.is_empty()) {
        return chosen(PathBuf::from(path)).await.map(Some);
    }
    match version_of(Path::new("nats-server")).await {
        Ok(version) if version >= OLDEST => return Ok(Some(PathBuf::from("nats-server"))),
        Ok((major, minor)) => tracing::info!("nats-server {major}.{minor} on PATH is too old"),
        Err(reason) => tracing::debug!("no nats-server on PATH: {reason:#}"),
    }
    let pinned = fetch::executable(&tools()?);
    Ok(pinned.is_file().then_some(pinned))
}

fn tools() -> anyhow::Result<PathBuf> {
    Ok(target_dir()?.join("tools"))
}

async fn chosen(path: PathBuf) -> anyhow::Result<PathBuf> {
    let version = version_of(&path).await.with_context(|| {
        format!("NATS_SERVER={} is no nats-server that runs here; correct or unset it", path.display())
    })?;
    if version < OLDEST {
        let (major, minor) = version;
        bail!("NATS_SERVER={} is version {major}.{minor}, but 2.12 or newer is needed", path.display());
    }
    Ok(path)
}

async fn version_of(program: &Path) -> anyhow::Result<(u32, u32)> {
    let output = Command::new(program).arg("--version").kill_on_drop(true).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    parse_version(&text).with_context(|| format!("unexpected answer to --version: {:?}", text.trim()))
}

/// Reads `nats-server: v2.15.1` as `(2, 15)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let numbers = text.trim().strip_prefix("nats-server: v")?;
    let mut parts = numbers.split(['.', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The build directory of this workspace: the one the running executable lies in, else `$CARGO_TARGET_DIR`, else
/// `target` in the workspace around the current directory.
///
/// # Errors
/// When none of the three exists.
pub fn target_dir() -> anyhow::Result<PathBuf> {
    let exe = env::current_exe().context("the path of the running executable is unknown")?;
    // Cargo marks its build directory with this file.
    if let Some(dir) = exe.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file()) {
        return Ok(dir.to_owned());
    }
    let here = env::current_dir().context("the current directory is unknown")?;
    let root = here.ancestors().find(|dir| dir.join("Cargo.lock").is_file());
    match (env::var_os("CARGO_TARGET_DIR"), root) {
        (Some(dir), root) => Ok(root.unwrap_or(&here).join(dir)),
        (None, Some(root)) => Ok(root.join("target")),
        (None, None) => {
            bail!("found no cargo workspace here; set NATS_SERVER to a nats-server 2.12 or newer")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_version("nats-server: v2.12.0-RC.1"), Some((2, 12)));
        assert_eq!(parse_version("nats-server version 1.0"), None);
        assert_eq!(parse_version(""), None);
        assert!(OLDEST > (2, 9) && OLDEST <= (3, 0));
    }

    #[tokio::test]
    async fn a_wrong_choice_is_named() {
        let message = match chosen(PathBuf::from("/nonexistent/nats-server")).await {
            Ok(path) => panic!("{} was accepted", path.display()),
            Err(error) => format!("{error:#}"),
        };
        assert!(message.contains("NATS_SERVER=/nonexistent/nats-server"), "{message}");
    }

    #[test]
    fn the_target_dir_holds_this_test() -> anyhow::Result<()> {
        assert!(env::current_exe()?.starts_with(target_dir()?));
        Ok(())
    }
}
