//! Waiting until a process says over HTTP that it is ready.

use std::{sync::LazyLock, time::Duration};

use reqwest::Client;

const POLL: Duration = Duration::from_millis(25);
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// One client for all probes. Never through a proxy: everything is on this machine.
/// No connection is kept: the next probe may come from another async runtime.
static CLIENT: LazyLock<Option<Client>> =
    LazyLock::new(|| runtime::http_client().no_proxy().pool_max_idle_per_host(0).build().ok());

/// Comes back when `url/ready` has answered with success.
pub(super) async fn until_ready(url: &str) {
    while !probe(url).await.is_some_and(|answer| answer.status().is_success()) {
        tokio::time::sleep(POLL).await;
    }
}

/// What `url/ready` answers now, in one line for people.
pub(super) async fn last_word(url: &str) -> String {
    match probe(url).await {
        Some(answer) => {
            let status = answer.status();
            let body = answer.text().await.unwrap_or_default();
            format!("{status} {}", body.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        None => "nothing".to_owned(),
    }
}

async fn probe(url: &str) -> Option<reqwest::Response> {
    let probe = CLIENT.as_ref()?.get(format!("{url}/ready"));
    probe.timeout(ANSWER_DEADLINE).send().await.ok()
}
