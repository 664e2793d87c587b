//! The files for whoever runs a broker: the server accepts them, and they are what the code says.

use std::{path::PathBuf, process::Stdio};

use crate::rig::{accounts, command_with, password, users, variable};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deployments/nats")
}

/// Whether the server would start with this file, and what it says.
async fn check(file: &str, env: &[(String, String)]) -> (bool, String) {
    let server = nats_server::locate().await.unwrap();
    let mut command = tokio::process::Command::new(server);
    command.args(["-t", "-c"]).arg(directory().join(file)).env_clear().envs(env.iter().cloned());
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_server_accepts_the_files_and_misses_what_is_missing() {
    let mut env: Vec<(String, String)> =
        users().into_iter().map(|user| (variable(user), password(user))).collect();
    let (accepted, said) = check("single.conf", &env).await;
    assert!(accepted, "{said}");
    let routes = "[nats://cluster:s3cret@127.0.0.1:6222, nats://cluster:s3cret@127.0.0.1:6223]";
    env.extend(
        [("SERVER_NAME", "nats-0"), ("CLUSTER_ROUTES", routes), ("CLUSTER_PASSWORD", "s3cret")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let (accepted, said) = check("nats.conf", &env).await;
    assert!(accepted, "{said}");
    for missing in 0..env.len() {
        let mut fewer = env.clone();
        let (name, _) = fewer.remove(missing);
        let (accepted, said) = check("nats.conf", &fewer).await;
        assert!(!accepted && said.contains(&name), "without {name}: {said}");
    }
}

#[tokio::test]
async fn the_accounts_are_what_the_code_says() {
    let said = command_with(&["nats", "config"], &[]).await;
    let generated = said.objects[0]["accounts"].as_str().unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(directory().join("accounts.conf"), generated).unwrap();
    }
    assert!(
        accounts() == generated,
        "deployments/nats/accounts.conf is not what the code says; run `UPDATE=1 cargo test -p orderfleet --test secured accounts`"
    );
}
