//! Users who prove who they are by a key, or by a token that somebody has signed for them.

use std::{path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use messaging::{
    jetstream::{ConnectOptions, Credentials, JetStream, Security, Trouble},
    log::Log,
    permissions::{OPERATOR, RESTORE, SETUP},
    topology::{self, TopologyOptions},
};
use nats_server::{Builder, NatsServer};
use nkeys::KeyPair;
use serde_json::{Value, json};
use testkit::broker_with;

use crate::rig::command_with;

const SOON: Duration = Duration::from_secs(30);

async fn connect(url: &str, user: &str, credentials: Credentials) -> JetStream {
    let options =
        ConnectOptions { urls: url.to_owned(), service: user.to_owned(), instance: "test".to_owned() };
    JetStream::connect_with(options, &Security { credentials, ..Security::default() }).await.unwrap()
}

async fn until_connected(js: &JetStream) {
    tokio::time::timeout(SOON, js.connected().wait_for(|connected| *connected)).await.unwrap().unwrap();
}

/// Prints the accounts.
async fn accounts(words: &[&str]) -> String {
    let said = command_with(&[&["nats", "config"], words].concat(), &[]).await;
    assert_eq!(said.code, Some(0), "{}", said.errors);
    said.objects[0]["accounts"].as_str().unwrap().to_owned()
}

async fn works_with_keys(broker: Builder, keys: &Path) {
    let broker = broker_with(broker).await;
    let file = |user: &str| Credentials::NkeyFile(keys.join(format!("{user}.nk")));
    let js = connect(&broker.url(), SETUP, file(SETUP)).await;
    until_connected(&js).await;
    let small = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
    topology::setup(&js, &small).await.unwrap();
    let operator = connect(&broker.url(), OPERATOR, file(OPERATOR)).await;
    until_connected(&operator).await;
    assert_eq!(operator.extent("ORDERS").await.unwrap().last, 0);
    until_connected(&connect(&broker.url(), RESTORE, file(RESTORE)).await).await;

    let stranger = keys.join("stranger.nk");
    std::fs::write(&stranger, KeyPair::new_user().seed().unwrap()).unwrap();
    let refused = connect(&broker.url(), OPERATOR, Credentials::NkeyFile(stranger)).await;
    let is_refused = |trouble: &Option<Trouble>| matches!(trouble, Some(Trouble::Refused(_)));
    tokio::time::timeout(SOON, refused.trouble().wait_for(is_refused)).await.unwrap().unwrap();
}

#[tokio::test]
async fn keys_that_were_made_here_open_the_broker() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let directory = keys.to_str().unwrap();
    let said = command_with(&["nats", "keys", directory], &[]).await;
    assert_eq!(said.code, Some(0), "{}", said.errors);
    assert!(said.objects.iter().all(|object| !object.to_string().contains("\"SU")), "no seed is printed");

    let known = NatsServer::builder().config_extra(accounts(&["--keys", directory, "--restore"]).await);
    works_with_keys(known, &keys).await;
    let public = std::fs::read_to_string(keys.join("public.env")).unwrap();
    let named = NatsServer::builder().config_extra(accounts(&["--auth", "nkey", "--restore"]).await);
    let named = public
        .lines()
        .filter_map(|line| line.split_once('='))
        .fold(named, |broker, (name, key)| broker.env(name, key));
    works_with_keys(named, &keys).await;
}

/// What somebody says of somebody, signed.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let body = json!({
        "jti": "made-by-a-test", "iat": 1_767_225_600, "iss": issuer.public_key(), "sub": subject.public_key(),
        "name": "test", "nats": claims,
    });
    let signed = format!("{}.{}", encode(&json!({ "typ": "JWT", "alg": "ed25519-nkey" })), encode(&body));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn a_token_and_its_key_open_the_broker() {
    let (operator, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let server = KeyPair::new_account();
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_operator = token(&operator, &operator, json!({ "type": "operator", "version": 2 }));
    let of_account =
        token(&operator, &account, json!({ "type": "account", "version": 2, "limits": limits.clone() }));
    let mut without_streams = limits;
    for limit in ["mem_storage", "disk_storage", "streams", "consumer"] {
        without_streams[limit] = 0.into();
    }
    let claims = json!({ "type": "account", "version": 2, "limits": without_streams });
    let of_server = token(&operator, &server, claims);
    let of_user = token(
        &account,
        &user,
        json!({ "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 }),
    );
    let config = format!(
        "operator: {of_operator}\nresolver: MEMORY\nsystem_account: {system}\nresolver_preload: {{ {}: {of_account}, {system}: {of_server} }}\n",
        account.public_key(),
        system = server.public_key(),
    );
    let broker = broker_with(NatsServer::builder().config_extra(config)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("user.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{of_user}\n------END NATS USER JWT------\n\nKeep this secret.\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    let js = connect(&broker.url(), "test", Credentials::CredsFile(file.clone())).await;
    until_connected(&js).await;
    let small = TopologyOptions { max_bytes: 64 << 20, ..TopologyOptions::default() };
    topology::setup(&js, &small).await.unwrap();

    // Somebody else's key with the same token.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&user.seed().unwrap(), &KeyPair::new_user().seed().unwrap())).unwrap();
    let js = connect(&broker.url(), "test", Credentials::CredsFile(file)).await;
    let is_refused = |trouble: &Option<Trouble>| matches!(trouble, Some(Trouble::Refused(_)));
    tokio::time::timeout(SOON, js.trouble().wait_for(is_refused)).await.unwrap().unwrap();
}
