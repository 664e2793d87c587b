//! A PostgreSQL server of the suite's own, which can be killed and started again on its data.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use anyhow::ensure;
use nats_server::{Process, free_port};
use tempfile::TempDir;
use testkit::eventually;
use tokio::process::Command;

/// How long it may take to come up, also with a crash to recover from on a busy machine.
const START: Duration = Duration::from_secs(60);
/// The user it runs as where root, whom it refuses to serve, started the suite.
const USER: &str = "postgres";

/// A server. Dropping it kills it and removes its data.
pub(crate) struct Postgres {
    programs: PathBuf,
    port: u16,
    process: Process,
    /// Declared last: removed after everybody who writes into it is dead.
    dir: TempDir,
}

impl Postgres {
    /// Starts an empty server; `None` where PostgreSQL is not installed.
    pub(crate) async fn start() -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let dir = tempfile::Builder::new().prefix("orderfleet-postgres-").tempdir()?;
        if is_root().await? {
            done(Command::new("chown").arg(USER).arg(dir.path()).output().await?)?;
        }
        let mut initdb = command(&programs.join("initdb")).await?;
        initdb
            .args(["-U", "fleet", "-A", "trust", "-E", "UTF8", "--locale=C", "-D"])
            .arg(dir.path().join("data"));
        done(initdb.output().await?)?;
        let port = free_port()?;
        let process = serve(&programs, dir.path(), port).await?;
        Ok(Some(Self { programs, port, process, dir }))
    }

    /// Where services reach it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://fleet@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Crashes it (SIGKILL) and waits until it is dead.
    pub(crate) async fn kill(&self) -> anyhow::Result<()> {
        self.process.kill().await?;
        Ok(())
    }

    /// Starts it again on its data, and waits until it answers.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.process = serve(&self.programs, self.dir.path(), self.port).await?;
        Ok(())
    }
}

/// Starts a server and waits until it answers. One that was killed leaves children behind, which end by themselves
/// but keep a new one from starting until they have.
async fn serve(programs: &Path, dir: &Path, port: u16) -> anyhow::Result<Process> {
    let start = async || -> anyhow::Result<Process> {
        let mut postgres = command(&programs.join("postgres")).await?;
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log"))?;
        postgres.arg("-D").arg(dir.join("data")).args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        postgres.args(["-c", "unix_socket_directories="]).stdout(log.try_clone()?).stderr(log);
        Ok(Process::spawn(postgres)?)
    };
    let mut process = start().await?;
    eventually(START, "PostgreSQL answers", async || {
        if process.exit_status().is_some() {
            process = start().await.map_err(|error| format!("{error:#}"))?;
        }
        answers(programs, port).await.map_err(|error| format!("{error:#}"))
    })
    .await;
    Ok(process)
}

async fn answers(programs: &Path, port: u16) -> anyhow::Result<()> {
    let mut ask = Command::new(programs.join("pg_isready"));
    done(ask.args(["-h", "127.0.0.1", "-p", &port.to_string()]).output().await?)
}

/// A program of PostgreSQL's, as a user whom it serves.
async fn command(program: &Path) -> anyhow::Result<Command> {
    if !is_root().await? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--init-groups"]).arg(program);
    Ok(command)
}

async fn is_root() -> anyhow::Result<bool> {
    let output = Command::new("id").arg("-u").output().await?;
    Ok(output.stdout.trim_ascii() == b"0")
}

fn done(output: Output) -> anyhow::Result<()> {
    ensure!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// The directory with `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let given = env::var_os("PG_BIN").map(PathBuf::from);
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let path: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let mut places = given.into_iter().chain(debian.into_iter().rev()).chain(path);
    places.find(|place| place.join("initdb").is_file() && place.join("postgres").is_file())
}
