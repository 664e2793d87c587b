//! A broker with the accounts of this repository, and connections to it as one or the other user.

use std::{fs, path::Path, process::Stdio};

use messaging::{
    jetstream::{ConnectOptions, Credentials, JetStream, Security},
    permissions::{OPERATOR, SETUP, SYSTEM},
};
use nats_server::{Builder, NatsServer};
use serde_json::Value;

pub(crate) const SERVICES: [&str; 5] =
    ["order-service", "inventory-service", "payment-service", "notification-service", "audit-service"];

/// The accounts as they are handed to whoever runs a broker.
pub(crate) fn accounts() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deployments/nats/accounts.conf");
    fs::read_to_string(path).unwrap()
}

/// Every user of theirs.
pub(crate) fn users() -> Vec<&'static str> {
    SERVICES.into_iter().chain([SETUP, OPERATOR, SYSTEM]).collect()
}

/// What the users of these tests show.
pub(crate) fn password(user: &str) -> String {
    format!("of{}", user.replace('-', ""))
}

/// The variable of a user's password.
pub(crate) fn variable(user: &str) -> String {
    format!("{}_PASSWORD", user.to_uppercase().replace('-', "_"))
}

/// A broker that knows every user by a password.
pub(crate) fn broker() -> Builder {
    with_passwords(NatsServer::builder().config_extra(accounts()))
}

/// Tells the broker the passwords.
pub(crate) fn with_passwords(broker: Builder) -> Builder {
    users().into_iter().fold(broker, |broker, user| broker.env(variable(user), password(user)))
}

/// A connection as a user.
pub(crate) async fn connect(url: &str, user: &str) -> JetStream {
    let options =
        ConnectOptions { urls: url.to_owned(), service: user.to_owned(), instance: "test".to_owned() };
    let credentials = Credentials::Password { user: user.to_owned(), password: password(user).into() };
    let security = Security { credentials, ..Security::default() };
    let js = JetStream::connect_with(options, &security).await.unwrap();
    js.connected().wait_for(|connected| *connected).await.unwrap();
    js
}

/// What the command line said, for programs.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) objects: Vec<Value>,
    pub(crate) errors: String,
}

/// Runs the command line as a user of the broker.
pub(crate) async fn command(url: &str, user: &str, words: &[&str]) -> Said {
    command_with(words, &[("NATS_URL", url), ("NATS_USER", user), ("NATS_PASSWORD", &password(user))]).await
}

/// Runs the command line with these variables.
pub(crate) async fn command_with(words: &[&str], env: &[(&str, &str)]) -> Said {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_orderfleet"))
        .args(words)
        .arg("--json")
        .env("USER", "alice")
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    Said {
        code: output.status.code(),
        objects: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// What the broker has refused, by its own log.
pub(crate) fn refusals(broker: &NatsServer) -> Vec<String> {
    let log = fs::read_to_string(broker.log_path()).unwrap();
    let is_refusal = |line: &&str| line.contains("Violation") || line.contains("authentication error");
    log.lines().filter(is_refusal).map(str::to_owned).collect()
}
