//! The broker over TLS: whom a client trusts, what it shows, and when the handshake is.

use std::time::Duration;

use messaging::{
    jetstream::{ConnectOptions, Credentials, JetStream, Security, Tls},
    log::Log,
    permissions::SETUP,
    topology::{self, TopologyOptions},
};
use nats_server::NatsServer;
use testkit::{
    Broker, broker_with,
    certificates::{Authority, Identity},
};

use crate::rig::{Said, accounts, command_with, password, with_passwords};

const SOON: Duration = Duration::from_secs(30);

/// A broker with a certificate; `settings` go into its `tls` block.
async fn secured(authority: &Authority, settings: &str) -> Broker {
    let Identity { certificate, key } = authority.vouch_for("127.0.0.1");
    let ca = authority.file();
    let tls = format!(
        "tls {{\n  cert_file: {certificate:?}\n  key_file: {key:?}\n  ca_file: {ca:?}\n  timeout: 10\n  {settings}\n}}\n"
    );
    broker_with(with_passwords(NatsServer::builder().config_extra(accounts() + &tls))).await
}

async fn connect(broker: &Broker, tls: Tls) -> JetStream {
    let credentials = Credentials::Password { user: SETUP.to_owned(), password: password(SETUP).into() };
    let options =
        ConnectOptions { urls: broker.url(), service: SETUP.to_owned(), instance: "test".to_owned() };
    JetStream::connect_with(options, &Security { credentials, tls }).await.unwrap()
}

async fn works(broker: &Broker, tls: Tls) {
    let js = connect(broker, tls).await;
    tokio::time::timeout(SOON, js.connected().wait_for(|connected| *connected)).await.unwrap().unwrap();
    let small = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
    topology::setup(&js, &small).await.unwrap();
    assert_eq!(js.extent("ORDERS").await.unwrap().last, 0);
}

/// Why it does not work.
async fn fails(broker: &Broker, tls: Tls) -> String {
    let js = connect(broker, tls).await;
    let mut trouble = js.trouble();
    let trouble = tokio::time::timeout(SOON, trouble.wait_for(Option::is_some)).await.unwrap().unwrap();
    assert!(!*js.connected().borrow());
    trouble.as_ref().map(ToString::to_string).unwrap()
}

#[tokio::test]
async fn a_broker_is_trusted_if_the_given_authority_vouches_for_it() {
    let authority = Authority::new();
    let broker = secured(&authority, "").await;
    works(&broker, Tls { authorities: Some(authority.file()), ..Tls::default() }).await;
    let stranger = Authority::new();
    let why = fails(&broker, Tls { authorities: Some(stranger.file()), ..Tls::default() }).await;
    assert!(why.contains("certificate"), "{why}");
    let why = fails(&broker, Tls::default()).await;
    assert!(why.contains("certificate"), "the system's authorities do not know it either: {why}");
}

#[tokio::test]
async fn a_broker_without_tls_is_not_spoken_to_if_tls_is_asked_for() {
    let broker = broker_with(crate::rig::broker()).await;
    let authority = Authority::new();
    let why = fails(&broker, Tls { authorities: Some(authority.file()), ..Tls::default() }).await;
    assert!(!why.is_empty());
}

#[tokio::test]
async fn a_client_shows_its_certificate_to_a_broker_that_asks() {
    let authority = Authority::new();
    let broker = secured(&authority, "verify: true").await;
    let trusting = Tls { authorities: Some(authority.file()), ..Tls::default() };
    fails(&broker, trusting.clone()).await;
    let Identity { certificate, key } = authority.vouch_for("client");
    works(&broker, Tls { certificate: Some((certificate, key)), ..trusting.clone() }).await;
    let stranger = Authority::new();
    let Identity { certificate, key } = stranger.vouch_for("client");
    fails(&broker, Tls { certificate: Some((certificate, key)), ..trusting }).await;
}

#[tokio::test]
async fn the_handshake_may_come_first() {
    let authority = Authority::new();
    // A client that waits for the broker to begin is spoken to in the clear after a moment: only so can this test's
    // own harness see that the broker is up.
    let broker = secured(&authority, "handshake_first: \"300ms\"").await;
    works(&broker, Tls { authorities: Some(authority.file()), first: true, ..Tls::default() }).await;
}

#[tokio::test]
async fn the_command_line_speaks_tls_too() {
    let authority = Authority::new();
    let broker = secured(&authority, "verify: true").await;
    let Identity { certificate, key } = authority.vouch_for("client");
    let url = broker.url().replace("nats://", "tls://");
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (ca, certificate, key) = (path(&authority.file()), path(&certificate), path(&key));
    let password = password(SETUP);
    let mut env = vec![
        ("NATS_URL", url.as_str()),
        ("NATS_USER", SETUP),
        ("NATS_PASSWORD", &password),
        ("NATS_CA_FILE", &ca),
    ];
    let words = ["setup", "--max-bytes", "64MiB"];
    let Said { code, errors, .. } = command_with(&words, &env).await;
    assert_eq!(code, Some(1), "it has shown no certificate: {errors}");
    env.extend([("NATS_CERT_FILE", certificate.as_str()), ("NATS_KEY_FILE", key.as_str())]);
    let Said { code, errors, .. } = command_with(&words, &env).await;
    assert_eq!(code, Some(0), "{errors}");
}
