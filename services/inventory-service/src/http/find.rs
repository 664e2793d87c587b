//! `GET /stock/{sku}`: the level of one SKU.

use axum::extract::State;
use runtime::{
    Problem,
    http::{Json, Path},
};

use super::{
    Shared, problems, rules,
    view::{LevelView, StockView},
};
use crate::reader::Seen;

pub(super) async fn find(State(api): Shared, Path(sku): Path<String>) -> Result<Json<StockView>, Problem> {
    let sku = rules::sku(&sku)?;
    let wanted = sku.to_owned();
    let seen = api.stock.look(move |stock| stock.level(&wanted)).await;
    match seen.map_err(|error| problems::unreadable(&error))? {
        Seen { value: Some(level), sequence, latest: _ } => {
            Ok(Json(StockView { level: LevelView::new(sku, level), sequence }))
        }
        Seen { value: None, latest: true, .. } => Err(problems::no_such_sku(sku)),
        Seen { value: None, latest: false, .. } => Err(problems::behind(sku)),
    }
}
