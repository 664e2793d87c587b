//! The life of a real nats-server: answers, survives kill and restart, reports why it did not start, leaves nothing.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
};

use nats_server::NatsServer;

/// Sends a core NATS request in plain text and gives the payload of the answer.
fn request(server: &NatsServer, subject: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port()))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    write!(
        stream,
        "CONNECT {{\"verbose\":false}}\r\nSUB reply 1\r\nPUB {subject} reply {}\r\n{body}\r\n",
        body.len()
    )?;
    let mut line = String::new();
    while !line.starts_with("MSG ") {
        line.clear();
        anyhow::ensure!(reader.read_line(&mut line)? > 0, "the server hung up");
    }
    line.clear();
    reader.read_line(&mut line)?;
    Ok(line)
}

fn messages(server: &NatsServer) -> anyhow::Result<bool> {
    Ok(request(server, "$JS.API.STREAM.INFO.S", "")?.contains("\"messages\":1,"))
}

#[tokio::test]
async fn keeps_port_and_store_over_kill_and_restart() -> anyhow::Result<()> {
    let server = NatsServer::builder().sync_always(true).start().await?;
    let url = server.url();
    request(&server, "$JS.API.STREAM.CREATE.S", r#"{"name":"S","subjects":["s"],"storage":"file"}"#)?;
    request(&server, "s", "hello")?;
    assert!(messages(&server)?);
    let first = server.pid();

    server.kill().await?;
    assert_eq!(server.pid(), None);
    assert!(server.kill().await.is_err(), "nothing was running");
    server.restart().await?;
    assert_ne!(server.pid(), first);
    assert!(messages(&server)?);

    server.restart().await?;
    assert!(messages(&server)?);
    assert_eq!(server.url(), url);
    assert!(server.stop_gracefully().await?.code().is_some(), "it ended by itself, not by a signal");
    Ok(())
}

#[tokio::test]
async fn pause_and_resume() -> anyhow::Result<()> {
    let server = NatsServer::builder().start().await?;
    server.pause()?;
    server.resume()?;
    assert!(request(&server, "$JS.API.INFO", "")?.contains("memory"));
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_shows_the_log() -> anyhow::Result<()> {
    // Another nats-server answers there: it must not be taken for ours.
    let other = NatsServer::builder().start().await?;
    let message = match NatsServer::builder().port(other.port()).start().await {
        Ok(server) => panic!("started on a taken port: {server:?}"),
        Err(error) => format!("{error:#}"),
    };
    assert!(message.contains("address already in use"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_bad_configuration_is_an_error_that_shows_it() {
    let message = match NatsServer::builder().config_extra("no_such_option: 1\n").start().await {
        Ok(server) => panic!("started with an unknown option: {server:?}"),
        Err(error) => format!("{error:#}"),
    };
    assert!(message.contains("no_such_option"), "{message}");
}

#[tokio::test]
async fn dropping_it_frees_the_port_and_removes_the_temporary_store() -> anyhow::Result<()> {
    let server = NatsServer::builder().start().await?;
    let (port, store) = (server.port(), server.store_dir().to_owned());
    drop(server);
    assert!(!Path::new(&store).exists());
    TcpListener::bind(("127.0.0.1", port))?;
    Ok(())
}

#[tokio::test]
async fn a_given_store_directory_is_kept() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let store = dir.path().join("not/yet/there");
    let server = NatsServer::builder().store_dir(&store).start().await?;
    server.stop_gracefully().await?;
    drop(server);
    assert!(store.join("nats-server.log").is_file());
    Ok(())
}

#[tokio::test]
async fn many_start_at_once() -> anyhow::Result<()> {
    let starts = (0..8).map(|_| NatsServer::builder().start());
    let mut running = tokio::task::JoinSet::new();
    starts.for_each(|start| {
        running.spawn(start);
    });
    let servers = running.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let mut ports: Vec<_> = servers.iter().map(NatsServer::port).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 8);
    Ok(())
}
