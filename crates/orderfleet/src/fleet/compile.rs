//! Compiles the processes' binaries with cargo, in the profile and beside the running executable.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, bail};
use nats_server::{Process, tail};
use tokio::{process::Command, sync::Mutex};

use super::options::Build;

const LOG_LINES_SHOWN: usize = 30;

/// Variables cargo sets for what it runs. Inherited by another cargo they make build scripts look outdated.
const CARGO_RUN_VARIABLES: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// The directory of the workspace's binaries: where the running one lies.
pub(crate) fn binaries_dir() -> anyhow::Result<PathBuf> {
    let exe = env::current_exe().context("the path of the running executable is unknown")?;
    let dir = exe.parent().context("the running executable lies in no directory")?;
    // Tests run from `deps`, one level below.
    let dir = if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir };
    Ok(dir.to_owned())
}

/// Compiles `packages`, each with the binary of its name. At most once per package within this process.
pub(crate) async fn compile(packages: &[String], build: Build, log: &Path) -> anyhow::Result<()> {
    static DONE: Mutex<BTreeSet<String>> = Mutex::const_new(BTreeSet::new());
    let mut done = DONE.lock().await;
    let missing: Vec<&String> = packages.iter().filter(|package| !done.contains(*package)).collect();
    if build == Build::Skip || missing.is_empty() {
        return Ok(());
    }
    run_cargo(&missing, build, log).await?;
    done.extend(packages.iter().cloned());
    Ok(())
}

async fn run_cargo(packages: &[&String], build: Build, log: &Path) -> anyhow::Result<()> {
    let mut cargo = cargo()?;
    cargo.arg("build").args(profile_args(&binaries_dir()?, &nats_server::target_dir()?)?);
    for package in packages {
        cargo.args(["--package", package, "--bin", package]);
    }
    cargo.stdin(Stdio::null()).stdout(Stdio::null());
    if build == Build::Quiet {
        cargo.stderr(File::create(log)?);
    }
    // In a group of its own, so that a cancelled build takes its compilers along.
    let process = Process::spawn_in_own_group(cargo).context("cannot run cargo")?;
    let status = process.wait().await?;
    if status.success() {
        return Ok(());
    }
    match build {
        Build::Quiet => bail!("cargo build failed:\n{}", tail(log, LOG_LINES_SHOWN)),
        Build::Show | Build::Skip => bail!("cargo build failed; see above"),
    }
}

/// Arguments that make cargo put its results into `binaries`.
fn profile_args(binaries: &Path, target: &Path) -> anyhow::Result<Vec<OsString>> {
    let inside = binaries.strip_prefix(target).ok().map(|rest| rest.iter().collect::<Vec<_>>());
    let (triple, profile) = match inside.as_deref() {
        Some([profile]) => (None, *profile),
        Some([triple, profile]) => (Some(*triple), *profile),
        Some(_) | None => bail!("{} is no build directory of cargo; use --no-build", binaries.display()),
    };
    // The one profile whose directory is called differently.
    let profile = if profile == "debug" { "dev".into() } else { profile.to_owned() };
    let mut args = vec!["--profile".into(), profile, "--target-dir".into(), target.into()];
    if let Some(triple) = triple {
        args.extend(["--target".into(), triple.to_owned()]);
    }
    Ok(args)
}

/// Cargo, to be run in the workspace.
///
/// # Errors
/// There is no workspace.
pub fn cargo() -> anyhow::Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in env::vars_os() {
        if CARGO_RUN_VARIABLES.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(workspace_root()?);
    Ok(cargo)
}

/// The root of the workspace around the current directory, else of the one this was compiled in.
///
/// # Errors
/// When neither exists, as with an installed binary far from its sources.
pub fn workspace_root() -> anyhow::Result<PathBuf> {
    let here = env::current_dir().context("the current directory is unknown")?;
    let compiled_in = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_root = |dir: &&Path| dir.join("Cargo.lock").is_file() && dir.join("crates/orderfleet").is_dir();
    let root = here.ancestors().chain(compiled_in.ancestors()).find(is_root);
    root.map(Path::to_owned).context("run this from within the orderfleet workspace")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(binaries: &str) -> Option<Vec<String>> {
        let args = profile_args(Path::new(binaries), Path::new("/w/target")).ok()?;
        Some(args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn the_profile_is_the_running_ones() {
        let dev = ["--profile", "dev", "--target-dir", "/w/target"];
        assert_eq!(args("/w/target/debug").as_deref(), Some(&dev.map(String::from)[..]));
        let release = args("/w/target/release").unwrap_or_default();
        assert!(release.contains(&"release".to_owned()));
        let cross = args("/w/target/x86_64-unknown-linux-musl/release").unwrap_or_default();
        assert!(cross.ends_with(&["--target".to_owned(), "x86_64-unknown-linux-musl".to_owned()]));
        assert_eq!(args("/usr/bin"), None);
    }

    #[test]
    fn this_test_lies_below_the_binaries() -> anyhow::Result<()> {
        let dir = binaries_dir()?;
        assert!(!dir.ends_with("deps") && env::current_exe()?.starts_with(&dir));
        assert!(workspace_root()?.join("Cargo.toml").is_file());
        Ok(())
    }
}
