//! Supervision, tried on stand-ins for the services: started in order, watched, crashed, stopped, nothing left behind.
#![expect(clippy::expect_used, reason = "a failed setup fails the test")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use orderfleet::fleet::{Cancelled, Fleet, FleetEvent, FleetOptions, Phase, ServiceSpec, Stage};
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

/// A service in a few lines: answers 200 to everything, ends well on SIGTERM.
const STAND_IN: &str = "
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(os.environ.get('READY', '200')))
        self.end_headers()
        self.wfile.write(os.environ['INSTANCE'].encode())
    def log_message(self, *args): pass
def stop(*args):
    print('stopping', flush=True)
    os._exit(int(os.environ.get('EXIT', '0')))
signal.signal(signal.SIGTERM, stop)
print('starting', flush=True)
if 'CRASH' in os.environ: sys.exit('no configuration, no service')
host, port = os.environ['LISTEN'].split(':')
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
";

fn stand_in(name: &str, stage: Stage) -> ServiceSpec {
    ServiceSpec {
        name: name.to_owned(),
        stage,
        program: Some("python3".into()),
        args: vec!["-c".to_owned(), STAND_IN.to_owned()],
        port: 0,
        own_file: None,
    }
}

fn options() -> FleetOptions {
    let services = vec![
        stand_in("gateway-sim", Stage::Dependency),
        stand_in("order-service", Stage::Service),
        stand_in("audit-service", Stage::Service),
    ];
    FleetOptions { services, ..FleetOptions::temporary() }
}

/// A fleet's events as short texts, in the order in which they came.
type Seen = Arc<Mutex<Vec<String>>>;

fn watched(options: FleetOptions) -> (FleetOptions, Seen) {
    let seen = Seen::default();
    let sink = Arc::clone(&seen);
    let options = options.observe(move |event| {
        let text = match event {
            FleetEvent::Phase(phase) => format!("{phase:?}"),
            FleetEvent::Ready { name, .. } => format!("{name} ready"),
            FleetEvent::Died { name, .. } => format!("{name} died"),
            FleetEvent::Stopped { name, .. } => format!("{name} stopped"),
        };
        sink.lock().expect("no test panics while it holds this").push(text);
    });
    (options, seen)
}

async fn until_seen(seen: &Seen, text: &str) {
    testkit::eventually(Duration::from_secs(20), text, async || {
        let seen = seen.lock().expect("no test panics while it holds this");
        if seen.iter().any(|event| event == text) { Ok(()) } else { Err(seen.clone()) }
    })
    .await;
}

fn exists(pid: u32) -> bool {
    // A zombie is no running process; on systems without /proc every process has gone with its parent's wait.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[tokio::test]
async fn starts_in_order_and_stops_in_reverse() -> anyhow::Result<()> {
    let (options, seen) = watched(options().replicas("order-service", 2));
    let fleet = Fleet::start(options).await?;
    let names: Vec<String> = fleet.processes().iter().map(|proc| proc.name()).collect();
    assert_eq!(names, ["gateway-sim-1", "order-service-1", "order-service-2", "audit-service-1"]);
    let pids: Vec<u32> = fleet.processes().iter().filter_map(|proc| proc.pid()).collect();
    let broker = fleet.broker().pid();

    let exits = fleet.shutdown().await?;
    assert!(exits.iter().all(|exit| exit.status.success()), "{exits:?}");
    let ended: Vec<&str> = exits.iter().map(|exit| exit.name.as_str()).collect();
    assert_eq!(ended, ["order-service-1", "order-service-2", "audit-service-1", "gateway-sim-1", "broker"]);
    assert!(pids.into_iter().chain(broker).all(|pid| !exists(pid)));
    assert_eq!(fleet.shutdown().await?, []);

    let seen = seen.lock().expect("no test panics while it holds this");
    let place = |text: &str| seen.iter().position(|event| event == text).unwrap_or(usize::MAX);
    let order =
        ["Building", "Broker", "broker ready", "Topology", "gateway-sim-1 ready", "order-service-2 ready"];
    let order = order.into_iter().chain(["Running", "Stopping", "gateway-sim-1 stopped", "broker stopped"]);
    assert!(order.map(place).is_sorted(), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn every_process_can_be_hurt_and_comes_back() -> anyhow::Result<()> {
    let (options, seen) = watched(options().env("order-service", "EXTRA", "1"));
    let fleet = Fleet::start(options).await?;
    let order = fleet.get("order-service", 1)?;
    let (pid, url) = (order.pid(), order.url());

    order.kill().await?;
    assert!(!order.is_running() && order.exit_status().is_some());
    until_seen(&seen, "order-service-1 stopped").await;
    order.restart().await?;
    assert_ne!(order.pid(), pid);
    assert_eq!(order.url(), url);
    assert_eq!(order.log_tail(9), "starting\nstarting", "one log for both runs");

    order.pause()?;
    order.resume()?;
    order.terminate()?;
    assert!(order.wait().await?.success());
    assert!(order.terminate().is_err(), "it is not running");
    order.restart().await?;

    let second = fleet.start_replica("order-service").await?;
    assert_eq!((second.name().as_str(), second.replica()), ("order-service-2", 2));
    assert!(Arc::ptr_eq(&second, &fleet.get("order-service", 2)?));
    assert!(fleet.get("order-service", 3).is_err() && fleet.start_replica("nobody").await.is_err());

    fleet.broker().kill().await?;
    fleet.broker().restart().await?;
    assert!(fleet.shutdown().await?.iter().all(|exit| exit.status.success()));
    Ok(())
}

#[tokio::test]
async fn an_unexpected_end_is_reported_and_the_others_run_on() -> anyhow::Result<()> {
    let (options, seen) = watched(options());
    let fleet = Fleet::start(options).await?;
    let audit = fleet.get("audit-service", 1)?;
    let pid = audit.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).context("it runs")?;
    // Not through the fleet, which would know that it had been asked to.
    kill_process(pid, Signal::KILL)?;
    until_seen(&seen, "audit-service-1 died").await;
    assert!(fleet.get("order-service", 1)?.is_running());
    assert_eq!(fleet.shutdown().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_process_that_does_not_start_is_quoted_and_takes_all_down() {
    let (options, seen) = watched(options().env("audit-service", "CRASH", "1"));
    let message = match Fleet::start(options).await {
        Ok(_) => panic!("started without one of its services"),
        Err(error) => format!("{error:#}"),
    };
    assert!(message.contains("audit-service-1 ended with exit status: 1"), "{message}");
    assert!(message.contains("no configuration, no service"), "{message}");
    until_seen(&seen, "broker stopped").await;
}

#[tokio::test]
async fn a_process_that_is_never_ready_is_named_with_its_answer() {
    let options = options().env("order-service", "READY", "503");
    let options = FleetOptions { ready_within: Duration::from_secs(2), ..options };
    let message = match Fleet::start(options).await {
        Ok(_) => panic!("started without one of its services"),
        Err(error) => format!("{error:#}"),
    };
    assert!(message.contains("order-service-1 was not ready within 2s"), "{message}");
    assert!(message.contains("503 Service Unavailable order-service-1"), "{message}");
}

#[tokio::test]
async fn cancelling_a_start_leaves_nothing() {
    let cancel = CancellationToken::new();
    let (options, seen) = watched(options().env("order-service", "READY", "503"));
    let options = FleetOptions { cancel: cancel.clone(), ..options };
    let mut start = Box::pin(Fleet::start(options));
    let stopper = async {
        until_seen(&seen, "gateway-sim-1 ready").await;
        cancel.cancel();
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        started = &mut start => started.map(drop).expect_err("it was cancelled before it could be ready"),
        () = stopper => unreachable!("it waits for ever"),
    };
    assert!(error.is::<Cancelled>(), "{error:#}");
    until_seen(&seen, "gateway-sim-1 stopped").await;
    until_seen(&seen, "broker stopped").await;
    assert!(
        !seen.lock().expect("no test panics while it holds this").contains(&format!("{:?}", Phase::Running))
    );
}

#[tokio::test]
async fn dropping_it_kills_everything_and_removes_the_temporary_data() -> anyhow::Result<()> {
    let fleet = Fleet::start(options()).await?;
    let kept = fleet.get("order-service", 1)?;
    let mut pids: Vec<u32> = fleet.processes().iter().filter_map(|proc| proc.pid()).collect();
    pids.extend(fleet.broker().pid());
    let data = fleet.data_dir().to_owned();
    drop(fleet);
    assert_eq!(pids.len(), 4);
    testkit::eventually(Duration::from_secs(10), "the end of all", async || {
        !pids.iter().copied().any(exists)
    })
    .await;
    assert!(!Path::new(&data).exists());
    assert!(kept.restart().await.is_err(), "its fleet is gone");
    Ok(())
}
