//! Between client and broker: what is lost on a wire that breaks, and what must not be.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use messaging::{
    commit::{CommitConfig, CommitError, GroupCommit},
    jetstream::{ConnectOptions, JetStream},
    log::{Log, Reader},
};
use testkit::{Broker, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};
use tokio_util::task::TaskTracker;

use crate::support::{SOON, add, fleet, metrics};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Everything goes through.
    Pass,
    /// What the broker sends is read and lost.
    Swallow,
    /// No connection stands or can be made.
    Cut,
}

/// A network between a client and its broker. Gone when dropped.
struct Wire {
    url: String,
    mode: watch::Sender<Mode>,
    /// Bytes lost so far.
    swallowed: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Wire {
    async fn to(broker: &Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let (mode, watching) = watch::channel(Mode::Pass);
        let swallowed = Arc::new(AtomicU64::new(0));
        let (port, count) = (broker.port(), Arc::clone(&swallowed));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, port, watching.clone(), Arc::clone(&count)));
            }
        });
        Self { url, mode, swallowed, _tasks: tasks }
    }

    async fn connect(&self) -> JetStream {
        let (urls, service, instance) = (self.url.clone(), "test".to_owned(), "wired".to_owned());
        let js = JetStream::connect(ConnectOptions { urls, service, instance }).await.unwrap();
        js.connected().wait_for(|connected| *connected).await.unwrap();
        js
    }

    /// Breaks every connection, and mends the wire once the client has noticed.
    async fn cut_and_mend(&self, js: &JetStream) {
        self.mode.send_replace(Mode::Cut);
        js.connected().wait_for(|connected| !*connected).await.unwrap();
        self.mode.send_replace(Mode::Pass);
        js.connected().wait_for(|connected| *connected).await.unwrap();
    }

    fn swallowed(&self) -> u64 {
        self.swallowed.load(Ordering::SeqCst)
    }
}

async fn carry(client: TcpStream, port: u16, mut mode: watch::Receiver<Mode>, count: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((mut from_client, to_client), (from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let down = deliver(from_server, to_client, mode.clone(), count);
    tokio::select! {
        () = down => {}
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

async fn deliver(
    mut from_server: OwnedReadHalf,
    mut to_client: OwnedWriteHalf,
    mode: watch::Receiver<Mode>,
    count: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
        if *mode.borrow() == Mode::Pass {
            if to_client.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        } else {
            count.fetch_add(length as u64, Ordering::SeqCst);
        }
    }
}

/// The broker counts what was on the wire as delivered, and says nothing more if nothing follows.
#[tokio::test]
async fn what_was_lost_on_the_wire_is_read_again_though_nothing_follows_it() {
    let (broker, js) = fleet().await;
    let wire = Wire::to(&broker).await;
    let wired = wire.connect().await;
    let mut reader = wired.read("REQUESTS", &[], 0);
    js.publish(&add(1), None).await.unwrap();
    assert_eq!(reader.next_batch(10).await.len(), 1);
    let mut reading = JoinSet::new();
    reading.spawn(async move { reader.next_batch(10).await.len() });
    wire.mode.send_replace(Mode::Swallow);
    let before = wire.swallowed();
    let mut message = add(2);
    message.payload = [message.payload.to_vec(), vec![b' '; 20_000]].concat().into();
    js.publish(&message, None).await.unwrap();
    eventually(SOON, "the message on the wire", async || wire.swallowed() > before + 20_000).await;
    wire.cut_and_mend(&wired).await;
    let read = tokio::time::timeout(SOON, reading.join_next()).await;
    assert_eq!(read.expect("the last message was never read").unwrap().unwrap(), 1);
}

/// Stored at any later time it would surprise its caller, who was told to try again, long after the
/// broker has forgotten its id.
#[tokio::test]
async fn what_was_given_up_is_not_stored_when_the_wire_is_mended() {
    let (broker, js) = fleet().await;
    let wire = Wire::to(&broker).await;
    let wired = wire.connect().await;
    wire.mode.send_replace(Mode::Cut);
    wired.connected().wait_for(|connected| !*connected).await.unwrap();
    let patience = Duration::from_millis(300);
    let config = CommitConfig { patience, ..CommitConfig::for_stream("REQUESTS") };
    let commit = GroupCommit::spawn(wired.clone(), config, &metrics(), &TaskTracker::new());
    let outcome = commit.publish(add(1)).await;
    assert!(matches!(outcome, Err(CommitError::Unavailable(_))), "{outcome:?}");
    wire.mode.send_replace(Mode::Pass);
    wired.connected().wait_for(|connected| *connected).await.unwrap();
    // A round trip behind everything that waited in the client.
    assert_eq!(wired.extent("REQUESTS").await.unwrap().last, 0, "it was stored after its caller gave up");
    assert_eq!(js.extent("REQUESTS").await.unwrap().last, 0);
}
