//! One service's address and the way to call it.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, Url, header::RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::error::{BadUrl, CallError, Problem};

/// Above the 30 s a caller may ask a service to wait.
const DEADLINE: Duration = Duration::from_secs(35);
/// A service in reach accepts a connection at once.
const CONNECT: Duration = Duration::from_secs(5);

/// Where a service listens. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    http: reqwest::Client,
    base: Url,
    deadline: Duration,
}

/// What a service answered to a call that succeeded.
pub(crate) struct Answer {
    url: String,
    pub(crate) status: StatusCode,
    body: Vec<u8>,
}

impl Endpoint {
    /// The service at `base`, e.g. `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// That is no such address.
    pub(crate) fn new(base: &str) -> Result<Self, BadUrl> {
        let url: Url = base.trim().parse().map_err(|_| BadUrl(base.to_owned()))?;
        if !["http", "https"].contains(&url.scheme()) || url.query().is_some() || url.fragment().is_some() {
            return Err(BadUrl(base.to_owned()));
        }
        // Services are called within their own network, where a proxy for the outside is in the way.
        let http = runtime::http_client().no_proxy().connect_timeout(CONNECT).build();
        let http = http.map_err(|_| BadUrl(base.to_owned()))?;
        Ok(Self { http, base: url, deadline: DEADLINE })
    }

    /// Waits so long for an answer instead of 35 s.
    #[must_use]
    pub(crate) fn answers_within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The address of what the segments name; each is escaped as needed.
    pub(crate) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Every address with a host has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// A request to read something.
    pub(crate) fn get(&self, segments: &[&str]) -> RequestBuilder {
        self.http.get(self.url(segments)).timeout(self.deadline)
    }

    /// A request to do something.
    pub(crate) fn post(&self, segments: &[&str]) -> RequestBuilder {
        self.http.post(self.url(segments)).timeout(self.deadline)
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// There is none, or it is an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let no_answer = |error: reqwest::Error| CallError::no_answer(&self.base, self.deadline, &error);
        let response = request.send().await.map_err(no_answer)?;
        let (status, url) = (response.status(), response.url().to_string());
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await.map_err(no_answer)?.to_vec();
        if status.is_success() {
            return Ok(Answer { url, status, body });
        }
        let problem = Problem::read(status, &body, retry_after.map(Duration::from_secs), url);
        Err(CallError::Refused(Box::new(problem)))
    }

    /// Reads JSON from where the segments lead, with these parameters.
    ///
    /// # Errors
    /// There is no answer, it is an error, or not what was expected.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, CallError> {
        self.send(self.get(segments).query(query)).await?.json()
    }
}

impl Answer {
    /// The body.
    ///
    /// # Errors
    /// It is not what was expected.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|error| CallError::Unreadable {
            url: self.url.clone(),
            status: self.status.as_u16(),
            error: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_path_is_escaped() -> Result<(), BadUrl> {
        let endpoint = Endpoint::new("http://127.0.0.1:8081/")?;
        assert_eq!(endpoint.url(&["stock", "A/B C?"]).as_str(), "http://127.0.0.1:8081/stock/A%2FB%20C%3F");
        let below = Endpoint::new("http://shop.local/api/")?;
        assert_eq!(below.url(&["orders"]).as_str(), "http://shop.local/api/orders");
        let secret = Endpoint::new("https://shop.local")?;
        assert_eq!(secret.url(&["orders"]).as_str(), "https://shop.local/orders");
        Ok(())
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for text in ["", "localhost:8080", "ftp://shop.local", "127.0.0.1", "http://a/?b=c"] {
            let refusal = Endpoint::new(text).err().map(|error| error.to_string());
            assert!(refusal.is_some_and(|text| text.contains("http://127.0.0.1:8080")), "{text}");
        }
    }
}
