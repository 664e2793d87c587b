//! One PostgreSQL server for the test process, gone when the process is gone.

use std::{
    env,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{AnyConnection, AssertSqlSafe, Connection};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep},
};

/// Makes a cluster in a directory of its own, serves it, and takes both away as soon as standard input
/// ends: that is, when the test process does, however it does. Signals to the whole group are for the tests.
const SCRIPT: &str = r#"
set -eu
trap '' HUP INT TERM
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
"$1/initdb" -D data -U fleet -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
"$1/postgres" -D data -p "$2" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
    -c shared_buffers=32MB -c max_connections=200 >postgres.log 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server"
wait "$server" || true
"#;

/// How long a server may take to come up on a busy machine.
const START: Duration = Duration::from_secs(60);

struct Server {
    port: u16,
    /// Its standard input is what keeps the server running.
    _child: Child,
}

static SERVER: OnceCell<Option<Server>> = OnceCell::const_new();

/// The URL of a new database.
pub(super) async fn create_database() -> Option<String> {
    sqlx::any::install_default_drivers();
    let server = SERVER.get_or_init(start).await.as_ref()?;
    let mut connection = connect(server.port).await;
    // Each name is taken once: the server counts.
    let name = format!("test_{}", next_number());
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&mut connection)
        .await
        .expect("a database can be created");
    connection.close().await.ok();
    Some(url(server.port, &name))
}

fn next_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://fleet@127.0.0.1:{port}/{database}?sslmode=disable")
}

async fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        writeln!(std::io::stderr(), "SKIPPED: PostgreSQL is not installed, only SQLite is tested").ok();
        return None;
    };
    let port = free_port();
    let mut command = as_somebody_else();
    let child = command
        .args(["sh", "-c", SCRIPT, "postgres-test"])
        .arg(&programs)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a shell can be started");
    let server = Server { port, _child: child };
    connect(port).await.close().await.ok();
    Some(server)
}

/// PostgreSQL refuses to serve root, whose place its own user takes.
fn as_somebody_else() -> Command {
    let output = Command::new("id").arg("-u").output().expect("`id` can be run");
    let mut command = Command::new("env");
    if output.stdout.trim_ascii() == b"0" {
        command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "env"]);
    }
    command
}

/// The directory with `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let given = env::var_os("PG_BIN").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    let path: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let mut places = given.into_iter().chain(debian.into_iter().rev()).chain(path);
    places.find(|place| has(place, "initdb") && has(place, "postgres"))
}

fn has(place: &Path, program: &str) -> bool {
    place.join(program).is_file()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}

async fn connect(port: u16) -> AnyConnection {
    let deadline = Instant::now() + START;
    loop {
        match AnyConnection::connect(&url(port, "postgres")).await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < deadline, "PostgreSQL did not start: {error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}
