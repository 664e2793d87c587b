//! The stock as callers see it.

use serde::Serialize;
use uuid::Uuid;

use crate::domain::Level;

/// The pieces of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LevelView {
    pub(super) sku: String,
    /// Pieces on the shelf, set aside or not.
    on_hand: u64,
    /// Pieces of those that are set aside for open orders.
    reserved: u64,
    /// Pieces that orders may still have.
    available: u64,
}

/// One SKU.
#[derive(Debug, Serialize)]
pub(super) struct StockView {
    #[serde(flatten)]
    pub(super) level: LevelView,
    /// The fold of INVENTORY up to this sequence.
    pub(super) sequence: u64,
}

/// A page of SKUs.
#[derive(Debug, Serialize)]
pub(super) struct PageView {
    /// By SKU.
    pub(super) items: Vec<LevelView>,
    /// Where the next page begins; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
    /// The fold of INVENTORY up to this sequence.
    pub(super) sequence: u64,
}

/// An adjustment that was made, and the level as it is with it.
#[derive(Debug, Serialize)]
pub(super) struct AdjustmentView {
    pub(super) adjustment_id: Uuid,
    /// By how many pieces.
    pub(super) delta: i64,
    #[serde(flatten)]
    pub(super) level: LevelView,
    /// The fold of INVENTORY up to this sequence.
    pub(super) sequence: u64,
}

/// An adjustment that is stored and will be decided on.
#[derive(Debug, Serialize)]
pub(super) struct PendingView<'a> {
    pub(super) adjustment_id: Uuid,
    pub(super) sku: &'a str,
    pub(super) status: PendingStatus,
}

/// The one status that is not final.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PendingStatus {
    Pending,
}

impl LevelView {
    pub(super) fn new(sku: impl Into<String>, level: Level) -> Self {
        let Level { on_hand, reserved } = level;
        Self { sku: sku.into(), on_hand, reserved, available: level.free() }
    }
}
