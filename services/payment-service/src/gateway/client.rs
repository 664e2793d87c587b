//! The gateway over HTTP.

use std::{path::Path, time::Duration};

use messaging::error_chain;
use reqwest::{Client, RequestBuilder, Response, Url, header::RETRY_AFTER, redirect};
use runtime::{AuthoritiesError, http_client, http_client_trusting, trusts_anybody};

use super::{
    ChargeOutcome, ChargeRequest, Gateway, GatewayError, Refund, RefundRequest,
    wire::{self, Answer, ChargeBody, RefundBody},
};

/// Longest time to set a connection up; a gateway that does not even accept one has not taken the request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections idle for longer are closed. Shorter than servers keep theirs open: a request that meets a closing
/// connection would count as unknown.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// More than any answer of a gateway has; what is larger is not one.
const MAX_ANSWER: usize = 256 * 1024;

/// A card gateway reached over HTTP, with connections that are kept.
pub struct HttpGateway {
    http: Client,
    charges: Url,
    charge_lookup: Url,
    refunds: Url,
    refund_lookup: Url,
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The gateway's address is not one.
    #[error("the gateway's address `{0}` is not an http or https URL")]
    Address(String),
    /// The authorities to trust cannot be read.
    #[error(transparent)]
    Authorities(#[from] AuthoritiesError),
    /// The gateway is to prove who it is, and nobody is trusted to vouch for it.
    #[error("an https address takes authorities to trust, and this system has none")]
    NobodyTrusted,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}

impl HttpGateway {
    /// A client of the gateway at `base_url`, for instance `https://gateway`, that gives a request up after `timeout`.
    /// With https it trusts a gateway that the system's authorities vouch for.
    ///
    /// # Errors
    /// See [`trusting`](Self::trusting).
    pub fn new(base_url: &str, timeout: Duration) -> Result<Self, SetupError> {
        Self::trusting(None, base_url, timeout)
    }

    /// As [`new`](Self::new), trusting the authorities in a PEM file and no other.
    ///
    /// # Errors
    /// The address is not an http or https URL, there is nobody to trust, or the client cannot be built.
    pub fn trusting(
        authorities: Option<&Path>,
        base_url: &str,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let not_an_address = || SetupError::Address(base_url.to_owned());
        let base =
            Url::parse(&format!("{}/", base_url.trim_end_matches('/'))).map_err(|_| not_an_address())?;
        if !["http", "https"].contains(&base.scheme()) || !base.has_host() {
            return Err(not_an_address());
        }
        if base.scheme() == "https" && authorities.is_none() && !trusts_anybody() {
            return Err(SetupError::NobodyTrusted);
        }
        let route = |path: &str| base.join(path).map_err(|_| not_an_address());
        let http = authorities
            .map_or_else(|| Ok(http_client()), http_client_trusting)?
            .timeout(timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            // A charge goes where it was configured to go, not where an answer or the environment sends it.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            http,
            charges: route("v1/charges")?,
            charge_lookup: route("v1/charges/lookup")?,
            refunds: route("v1/refunds")?,
            refund_lookup: route("v1/refunds/lookup")?,
        })
    }
}

impl Gateway for HttpGateway {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        let post =
            self.http.post(self.charges.clone()).header("Idempotency-Key", request.order_id.to_string());
        let answer = exchange(post.json(&ChargeBody::from(request))).await?;
        wire::charged(&answer, request)
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Refund, GatewayError> {
        let key = format!("refund:{}:{}", request.order_id, request.charge_id);
        let post = self.http.post(self.refunds.clone()).header("Idempotency-Key", key);
        let answer = exchange(post.json(&RefundBody::from(request))).await?;
        wire::refunded(&answer, request)
    }

    async fn find_charge(&self, request: &ChargeRequest) -> Result<Option<ChargeOutcome>, GatewayError> {
        let get = self.http.get(self.charge_lookup.clone()).query(&[("order_id", request.order_id)]);
        let answer = exchange(get).await?;
        wire::found_charge(&answer, request)
    }

    async fn find_refund(&self, request: &RefundRequest) -> Result<Option<Refund>, GatewayError> {
        let get = self.http.get(self.refund_lookup.clone()).query(&[("order_id", request.order_id)]);
        let answer = exchange(get).await?;
        wire::found_refund(&answer, request)
    }
}

/// Sends a request and reads the whole answer.
async fn exchange(request: RequestBuilder) -> Result<Answer, GatewayError> {
    let response = request.send().await.map_err(transport_failure)?;
    let status = response.status();
    // A date is allowed there too; gateways send seconds, and the default is right for anything else.
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Answer { status, retry_after: seconds.map(Duration::from_secs), body: read(response).await? })
}

async fn read(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport_failure)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(GatewayError::Unknown(format!("the answer is longer than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Without a connection nothing was sent; once there was one, anything may have happened, or may yet.
fn transport_failure(error: reqwest::Error) -> GatewayError {
    let error = error.without_url();
    let text = error_chain(&error);
    if error.is_builder() {
        GatewayError::Rejected(text)
    } else if error.is_connect() {
        GatewayError::NotSent(text)
    } else {
        GatewayError::Unanswered(text)
    }
}
