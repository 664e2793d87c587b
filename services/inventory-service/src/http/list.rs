//! `GET /stock`: every SKU, page by page.

use axum::extract::State;
use events::form::SKU;
use runtime::{
    Problem,
    http::{Json, Query, page_end, page_limit},
};
use serde::Deserialize;

use super::{
    Shared, problems,
    view::{LevelView, PageView},
};

/// SKUs on a page, where the caller does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most SKUs on a page: a page is put together while the journal waits.
const MAX_LIMIT: usize = 1_000;

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    limit: Option<String>,
    /// The last SKU of the page before.
    cursor: Option<String>,
}

pub(super) async fn list(
    State(api): Shared,
    Query(Page { limit, cursor }): Query<Page>,
) -> Result<Json<PageView>, Problem> {
    let limit = page_limit(limit.as_deref(), DEFAULT_LIMIT, MAX_LIMIT)?;
    if cursor.as_deref().is_some_and(|cursor| !SKU.fits(cursor)) {
        return Err(Problem::invalid_parameter("cursor", "must be the `next_cursor` of another page"));
    }
    let page = move |stock: &crate::domain::Stock| {
        let levels = stock.levels(cursor.as_deref());
        levels.take(limit + 1).map(|(sku, level)| LevelView::new(sku, level)).collect()
    };
    let seen = api.stock.look(page).await.map_err(|error| problems::unreadable(&error))?;
    let mut items: Vec<LevelView> = seen.value;
    let next_cursor = page_end(&mut items, limit).map(|item| item.sku.clone());
    Ok(Json(PageView { items, next_cursor, sequence: seen.sequence }))
}
