//! The inventory service: read and adjust stock.

use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    endpoint::Endpoint,
    error::{BadUrl, CallError},
};

/// SKUs asked for at once; the service gives no more.
const PAGE: usize = 1_000;

/// What there is of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    /// Which.
    pub sku: String,
    /// Pieces on the shelf, set aside or not.
    pub on_hand: u64,
    /// Pieces of those that are set aside for open orders.
    pub reserved: u64,
    /// Pieces that can still be ordered.
    pub available: u64,
}

/// Everything in stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// Every SKU that was ever stocked, by name.
    pub levels: Vec<StockLevel>,
    /// The sequence of INVENTORY that the levels are the outcome of; `None` when stock moved while it was listed.
    pub at: Option<u64>,
}

/// The inventory service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct StockClient {
    endpoint: Endpoint,
}

impl StockClient {
    /// The service at `base_url`, e.g. `http://127.0.0.1:8081`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn new(base_url: &str) -> Result<Self, BadUrl> {
        Ok(Self { endpoint: Endpoint::new(base_url)? })
    }

    /// Sets how many pieces are on hand. With a key, the same call again is the same adjustment.
    ///
    /// # Errors
    /// See [`CallError`]; code 409 when more are set aside for orders.
    pub async fn set(&self, sku: &str, to: u64, key: Option<&str>) -> Result<StockLevel, CallError> {
        self.change(sku, &json!({ "change": { "to": to } }), key).await
    }

    /// Adds pieces, or takes some away. With a key, the same call again is the same adjustment.
    ///
    /// # Errors
    /// See [`CallError`]; code 409 when that would take what is set aside for orders.
    pub async fn adjust(&self, sku: &str, by: i64, key: Option<&str>) -> Result<StockLevel, CallError> {
        self.change(sku, &json!({ "change": { "by": by } }), key).await
    }

    async fn change(&self, sku: &str, body: &Value, key: Option<&str>) -> Result<StockLevel, CallError> {
        let mut request = self.endpoint.post(&["stock", sku, "adjustments"]).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = self.endpoint.send(request).await?;
        if answer.status == StatusCode::ACCEPTED {
            return Err(CallError::Pending { url: self.endpoint.url(&["stock", sku]).to_string() });
        }
        answer.json()
    }

    /// What there is of one SKU; `None` when it was never stocked.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get(&self, sku: &str) -> Result<Option<StockLevel>, CallError> {
        match self.endpoint.read(&["stock", sku], &[]).await {
            Ok(level) => Ok(Some(level)),
            Err(error) if error.code() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What there is of everything.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn all(&self) -> Result<Stock, CallError> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<StockLevel>,
            #[serde(default)]
            next_cursor: Option<String>,
            sequence: u64,
        }
        let mut query = vec![("limit", PAGE.to_string())];
        let first: Page = self.endpoint.read(&["stock"], &query).await?;
        let mut stock = Stock { levels: first.items, at: Some(first.sequence) };
        let mut cursor = first.next_cursor;
        while let Some(after) = cursor {
            query.truncate(1);
            query.push(("cursor", after));
            let page: Page = self.endpoint.read(&["stock"], &query).await?;
            stock.levels.extend(page.items);
            stock.at = stock.at.filter(|at| *at == page.sequence);
            cursor = page.next_cursor;
        }
        Ok(stock)
    }
}
