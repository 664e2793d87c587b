//! Orders that are not at their end, as callers see them.

use events::{OrderId, TraceId};
use serde::Serialize;
use utoipa::ToSchema;

use super::Links;
use crate::read_model::open::{OpenOrder, Step};

/// What an open order waits on.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Step)]
enum StepView {
    /// To be decided on.
    Accepted,
    /// For its stock.
    AwaitingStock,
    /// For its payment.
    AwaitingPayment,
    /// For its money to go back.
    RefundPending,
}

/// An order that is not at its end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenOrder)]
pub(crate) struct OpenOrderView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// What it waits on.
    step: StepView,
    /// Since when it waits on that, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    since: events::Timestamp,
    /// When it became open: it was asked for, or its money was to go back. RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    opened_at: events::Timestamp,
    /// Whole seconds since then.
    age_seconds: u64,
    /// Who has to do what for it to go on, and where that will be written, in words.
    #[schema(example = "payment-service to give the money back: payments.refunded in PAYMENTS")]
    waits_for: &'static str,
    /// The trace of its whole life.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    trace_id: TraceId,
    /// Where to go from here.
    links: Links,
}

impl OpenOrderView {
    /// The order as it is now.
    pub(in crate::http) fn new(order: &OpenOrder, now: events::Timestamp) -> Self {
        let step = match order.step {
            Step::Accepted => StepView::Accepted,
            Step::AwaitingStock => StepView::AwaitingStock,
            Step::AwaitingPayment => StepView::AwaitingPayment,
            Step::RefundPending => StepView::RefundPending,
        };
        Self {
            order_id: order.order_id,
            step,
            since: order.since,
            opened_at: order.opened_at,
            age_seconds: now.since(order.opened_at).as_secs(),
            waits_for: order.step.waits_for(),
            trace_id: order.trace_id,
            links: Links::of(order.order_id, order.step != Step::RefundPending),
        }
    }
}

/// Some open orders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenOrderPage {
    /// The orders, longest open first.
    pub(in crate::http) orders: Vec<OpenOrderView>,
    /// The `cursor` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(in crate::http) next_cursor: Option<String>,
}
