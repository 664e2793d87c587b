//! Who is not let in says so, soon and clearly: a service as not ready, the command line as an error.

use std::time::{Duration, Instant};

use messaging::{
    jetstream::{ConnectOptions, Credentials, JetStream, Security, Trouble},
    permissions::{OPERATOR, SETUP},
};
use orderfleet::fleet::{Fleet, FleetOptions};
use service::ReachArgs;
use testkit::broker_with;

use crate::rig::{Said, broker, command, command_with, password};

const SOON: Duration = Duration::from_secs(30);

/// A service is not ready, and says why; its log does, too, and neither repeats the password.
#[tokio::test]
async fn a_service_with_a_wrong_password_is_not_ready_and_says_why() {
    let setup = ReachArgs::default().user(SETUP, &password(SETUP));
    let options = FleetOptions {
        broker: broker(),
        setup,
        ready_within: Duration::from_secs(10),
        ..FleetOptions::temporary()
    };
    let options = ["order-service", "inventory-service", "payment-service", "notification-service"]
        .into_iter()
        .fold(options, |options, service| options.replicas(service, 0))
        .env("audit-service", "NATS_USER", "audit-service")
        .env("audit-service", "NATS_PASSWORD", "sesame");
    let error = format!("{:#}", Fleet::start(options).await.err().unwrap());
    assert!(error.contains("503"), "{error}");
    assert!(error.contains("the broker refuses the user \\\"audit-service\\\""), "{error}");
    assert!(!error.contains("sesame"), "{error}");
}

#[tokio::test]
async fn the_command_line_fails_at_once_and_names_who_was_refused() {
    let broker = broker_with(broker()).await;
    let url = broker.url();
    let began = Instant::now();
    let words = ["dlq", "list"];
    let Said { code, errors, .. } =
        command_with(&words, &[("NATS_URL", &url), ("NATS_USER", OPERATOR), ("NATS_PASSWORD", "sesame")])
            .await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("refuses the user \"operator\"") && !errors.contains("sesame"), "{errors}");
    let Said { code, errors, .. } = command_with(&words, &[("NATS_URL", &url)]).await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("refuses anybody without credentials"), "{errors}");
    assert!(began.elapsed() < SOON, "that took {:?}", began.elapsed());
}

/// What is not permitted has no answer; that must not look like a broker without dead letters.
#[tokio::test]
async fn the_command_line_names_what_its_user_may_not_do() {
    let broker = broker_with(broker()).await;
    let said = command(&broker.url(), SETUP, &["setup", "--max-bytes", "64MiB"]).await;
    assert_eq!(said.code, Some(0), "{}", said.errors);
    let said = command(&broker.url(), "payment-service", &["dlq", "list"]).await;
    assert_eq!(said.code, Some(1), "{:?}", said.objects);
    assert!(
        said.errors.contains("does not permit") && said.errors.contains("Permissions Violation"),
        "{}",
        said.errors
    );
    let said = command(&broker.url(), OPERATOR, &["setup", "--max-age", "30d"]).await;
    assert_eq!(said.code, Some(1), "{:?}", said.objects);
    assert!(said.errors.contains("does not permit"), "{}", said.errors);
}

#[tokio::test]
async fn contradictions_and_missing_files_are_told_before_anything_is_asked() {
    let table: [(&[(&str, &str)], &str); 6] = [
        (&[("NATS_USER", "operator")], "NATS_USER"),
        (
            &[("NATS_USER", "operator"), ("NATS_PASSWORD", "sesame"), ("NATS_NKEY_FILE", "k")],
            "NATS_NKEY_FILE",
        ),
        (&[("NATS_USER", "operator"), ("NATS_PASSWORD_FILE", "/nowhere/password")], "NATS_PASSWORD_FILE"),
        (&[("NATS_CREDS_FILE", "/dev/null")], "NATS_CREDS_FILE"),
        (&[("NATS_CERT_FILE", "/nowhere/certificate")], "NATS_KEY_FILE"),
        (&[("NATS_URL", "nats://operator:sesame@127.0.0.1:1")], "NATS_URL"),
    ];
    for (env, named) in table {
        let Said { code, errors, .. } = command_with(&["dlq", "list"], env).await;
        assert_eq!(code, Some(1), "{env:?}: {errors}");
        assert!(errors.contains(named) && !errors.contains("sesame"), "{env:?}: {errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    }
}

/// A password that is replaced is used at the next connection: nothing has to be started anew.
#[tokio::test]
async fn a_password_is_read_again_at_each_connection() {
    let broker = broker_with(broker()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "yesterday's").unwrap();
    let credentials = Credentials::PasswordFile { user: OPERATOR.to_owned(), file: file.clone() };
    let options =
        ConnectOptions { urls: broker.url(), service: OPERATOR.to_owned(), instance: "test".to_owned() };
    let js =
        JetStream::connect_with(options, &Security { credentials, ..Security::default() }).await.unwrap();
    let refused = |trouble: &Option<Trouble>| matches!(trouble, Some(Trouble::Refused(_)));
    tokio::time::timeout(SOON, js.trouble().wait_for(refused)).await.unwrap().unwrap();
    std::fs::write(&file, format!("{}\n", password(OPERATOR))).unwrap();
    tokio::time::timeout(SOON, js.connected().wait_for(|connected| *connected)).await.unwrap().unwrap();
    assert_eq!(*js.trouble().borrow(), None);
}
