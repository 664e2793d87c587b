//! `GET /stock`: every SKU, page by page.

use axum::extract::State;
use runtime::{
    Problem,
    http::{Json, Query},
};
use serde::Deserialize;

use super::{
    Shared, problems, rules,
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
    limit: Option<usize>,
    /// The last SKU of the page before.
    cursor: Option<String>,
}

pub(super) async fn list(
    State(api): Shared,
    Query(Page { limit, cursor }): Query<Page>,
) -> Result<Json<PageView>, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(problems::parameter("limit", &format!("must be a whole number from 1 to {MAX_LIMIT}")));
    }
    if cursor.as_deref().is_some_and(|cursor| !rules::is_sku(cursor)) {
        return Err(problems::parameter("cursor", "must be the `next_cursor` of another page"));
    }
    let page = move |stock: &crate::domain::Stock| {
        let levels = stock.levels(cursor.as_deref());
        levels.take(limit + 1).map(|(sku, level)| LevelView::new(sku, level)).collect()
    };
    let seen = api.stock.look(page).await.map_err(|error| problems::unreadable(&error))?;
    let mut items: Vec<LevelView> = seen.value;
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|item| item.sku.clone());
    Ok(Json(PageView { items, next_cursor, sequence: seen.sequence }))
}
