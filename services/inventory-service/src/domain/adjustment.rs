//! Adjustments: whether one may be made, and what is remembered of it. Pure.

use events::requests::StockChange;
use serde::{Deserialize, Serialize};

use super::Level;

/// The most pieces of one SKU that an adjustment may lead to: what every SQL database can hold.
pub const MAX_ON_HAND: u64 = i64::MAX as u64;

/// What became of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// It was made.
    Made {
        /// By how many pieces.
        delta: i64,
        /// Pieces on hand right afterwards.
        on_hand: u64,
    },
    /// It was refused; the level it would have violated.
    Refused {
        /// Pieces on hand.
        on_hand: u64,
        /// Pieces set aside for open orders.
        reserved: u64,
    },
}

impl Adjustment {
    /// Whether this is an answer to the wish for such a change. It is none for a different change under the
    /// same identity, except where that would have come to the same.
    #[must_use]
    pub fn answers(self, change: StockChange) -> bool {
        match (self, change) {
            (Self::Made { delta, .. }, StockChange::By(by)) => delta == by,
            (Self::Made { on_hand, .. }, StockChange::To(to)) => on_hand == to,
            (Self::Refused { on_hand, reserved }, change) => {
                outcome(Level { on_hand, reserved }, change).is_none()
            }
        }
    }
}

/// The difference a change makes and the pieces on hand afterwards, or `None` when it must not be made.
pub(super) fn outcome(level: Level, change: StockChange) -> Option<(i64, u64)> {
    let on_hand = match change {
        StockChange::By(delta) => level.on_hand.checked_add_signed(delta)?,
        StockChange::To(on_hand) => on_hand,
    };
    let delta = on_hand.checked_signed_diff(level.on_hand)?;
    (level.reserved..=MAX_ON_HAND).contains(&on_hand).then_some((delta, on_hand))
}
