//! What flags and variables say, and what they cannot mean.

use clap::{Args, Command, FromArgMatches};

use super::*;

fn reach(words: &[&str]) -> Result<ReachArgs, clap::Error> {
    let command = ReachArgs::augment_args(Command::new("probe").no_binary_name(true));
    ReachArgs::from_arg_matches(&command.try_get_matches_from(words)?)
}

#[test]
fn each_kind_of_credentials_is_understood() {
    let credentials = |words: &[&str]| reach(words).unwrap().security().unwrap().credentials;
    assert!(matches!(credentials(&[]), Credentials::None));
    assert!(matches!(
        credentials(&["--nats-user", "ada", "--nats-password", "sesame"]),
        Credentials::Password { user, .. } if user == "ada"
    ));
    assert!(matches!(
        credentials(&["--nats-user", "ada", "--nats-password-file", "/f"]),
        Credentials::PasswordFile { file, .. } if file.as_os_str() == "/f"
    ));
    assert!(matches!(credentials(&["--nats-nkey-file", "/f"]), Credentials::NkeyFile(_)));
    assert!(matches!(credentials(&["--nats-creds-file", "/f"]), Credentials::CredsFile(_)));
    // Set to nothing, as compose files and charts do.
    let nothing = ["--nats-user=", "--nats-password=", "--nats-nkey-file=", "--nats-tls-first="];
    assert!(matches!(credentials(&nothing), Credentials::None));
}

#[test]
fn tls_is_what_was_asked_for() {
    let tls = |words: &[&str]| reach(words).unwrap().security().unwrap().tls;
    assert!(
        !tls(&[]).first && tls(&["--nats-tls-first", "true"]).first && tls(&["--nats-tls-first=on"]).first
    );
    let all = tls(&["--nats-ca-file", "/a", "--nats-cert-file", "/c", "--nats-key-file", "/k"]);
    assert_eq!(all.authorities, Some("/a".into()));
    assert_eq!(all.certificate, Some(("/c".into(), "/k".into())));
    assert!(reach(&["--nats-tls-first=perhaps"]).is_err());
}

#[test]
fn contradictions_name_the_settings_and_no_secret() {
    let table: [(&[&str], &[&str]); 8] = [
        (&["--nats-user", "ada"], &[USER, PASSWORD, PASSWORD_FILE]),
        (&["--nats-password", "sesame"], &[PASSWORD, USER]),
        (&["--nats-password-file", "/f"], &[PASSWORD_FILE, USER]),
        (
            &["--nats-user", "ada", "--nats-password", "sesame", "--nats-password-file", "/f"],
            &[PASSWORD, PASSWORD_FILE],
        ),
        (&["--nats-user", "ada", "--nats-password", "sesame", "--nats-nkey-file", "/f"], &[USER, NKEY_FILE]),
        (&["--nats-creds-file", "/f", "--nats-nkey-file", "/f"], &[NKEY_FILE, CREDS_FILE]),
        (&["--nats-cert-file", "/f"], &[CERT_FILE, KEY_FILE]),
        (&["--nats-key-file", "/f"], &[KEY_FILE, CERT_FILE]),
    ];
    for (words, named) in table {
        let refusal = reach(words).unwrap().security().unwrap_err().to_string();
        assert!(named.iter().all(|name| refusal.contains(name)), "{words:?}: {refusal}");
        assert!(!refusal.contains("sesame"), "{refusal}");
    }
}

#[test]
fn no_secret_is_printed() {
    let args = reach(&["--nats-user", "ada", "--nats-password", "sesame"]).unwrap();
    assert!(!format!("{args:?}").contains("sesame"));
    let command = ReachArgs::augment_args(Command::new("probe"));
    let variables = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
    let variables: Vec<_> = variables.filter(|name| *name != "NATS_URL").collect();
    assert_eq!(variables, ReachArgs::CREDENTIALS);
    assert!(
        command.get_arguments().filter(|arg| arg.get_env().is_some()).all(|arg| arg.is_hide_env_values_set())
    );
}
