//! Orders as callers see them.

mod open;

use axum::{
    Json,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use events::{OrderId, TraceId};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::location;
use crate::{projection::change::Stage, read_model::Order};

pub(super) use open::{OpenOrderPage, OpenOrderView};

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Its stock is not set aside yet.
    AwaitingStock,
    /// Its stock is set aside, its card not charged yet.
    AwaitingPayment,
    /// It is paid and will be delivered.
    Confirmed,
    /// It will not be delivered.
    Cancelled,
}

impl Status {
    pub(super) const ALL: [(&'static str, Stage); 4] = [
        ("awaiting_stock", Stage::AwaitingStock),
        ("awaiting_payment", Stage::AwaitingPayment),
        ("confirmed", Stage::Confirmed),
        ("cancelled", Stage::Cancelled),
    ];

    fn of(stage: Stage) -> Self {
        match stage {
            Stage::Unknown | Stage::AwaitingStock => Self::AwaitingStock,
            Stage::AwaitingPayment => Self::AwaitingPayment,
            Stage::Confirmed => Self::Confirmed,
            Stage::Cancelled => Self::Cancelled,
        }
    }
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub(crate) struct OrderView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    order_id: OrderId,
    /// Who buys.
    #[schema(example = "c-1001")]
    customer_id: String,
    /// How far it has come.
    status: Status,
    /// Why it was cancelled: `out_of_stock`, `unknown_sku`, `payment_declined`, `customer` or `expired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// More about that: what was short, the gateway's code, the customer's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
    /// What is bought.
    #[schema(value_type = Vec<LineView>)]
    lines: Box<RawValue>,
    /// The sum of the lines.
    #[schema(inline)]
    total: MoneyView,
    /// What became of the money, once there is something to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    payment: Option<PaymentView>,
    /// When it was created, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    created_at: events::Timestamp,
    /// When something last happened to it, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    updated_at: events::Timestamp,
    /// The trace of its whole life.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    trace_id: TraceId,
    /// Grows with everything that happens to it.
    version: i64,
    /// Where to go from here.
    links: Links,
}

/// One position of an order.
#[derive(Debug, ToSchema)]
#[schema(as = Line)]
#[expect(dead_code, reason = "describes what is kept as text; nobody builds one")]
pub(crate) struct LineView {
    /// What.
    #[schema(example = "LAMP-BLUE")]
    sku: String,
    /// How many pieces.
    #[schema(example = 2)]
    quantity: u32,
    /// Price of one piece in minor units.
    #[schema(example = 1999)]
    unit_price: i64,
}

/// An amount of one currency.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Money)]
pub(crate) struct MoneyView {
    /// Minor units: cents of EUR, whole yen of JPY.
    #[schema(example = 3998)]
    amount: i64,
    /// ISO 4217.
    #[schema(value_type = String, example = "EUR")]
    currency: events::Currency,
}

/// What became of the money.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Payment)]
pub(crate) struct PaymentView {
    /// The gateway's id of the charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    charge_id: Option<String>,
    /// What goes, or went, back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refund: Option<RefundView>,
}

/// Money that goes back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub(crate) struct RefundView {
    /// Whether it has arrived at the gateway.
    status: RefundStatus,
    /// How much.
    amount: MoneyView,
    /// The gateway's id of the refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refund_id: Option<String>,
}

/// Whether money is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundStatus {
    /// It is on its way.
    Pending,
    /// It is back.
    Refunded,
}

/// Where to go from here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Links {
    /// The order.
    #[serde(rename = "self")]
    #[schema(example = "/orders/0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70")]
    order: String,
    /// To cancel it, by POST.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cancel: Option<String>,
}

/// The word for a request that is stored and will be decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AcceptedStatus {
    /// It is stored and will be decided on.
    Accepted,
}

/// Some orders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderPage {
    /// The orders, newest first.
    pub(super) orders: Vec<OrderView>,
    /// The `cursor` of the next page; left out on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) next_cursor: Option<String>,
}

/// A request was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The order it is about.
    #[schema(value_type = uuid::Uuid)]
    pub(super) order_id: OrderId,
    /// Always `accepted`; the order itself tells what becomes of it.
    status: AcceptedStatus,
    /// The trace to quote.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    trace_id: TraceId,
    /// Where to go from here.
    links: Links,
}

impl Links {
    fn of(order_id: OrderId, open: bool) -> Self {
        let order = location(order_id);
        Self { cancel: open.then(|| format!("{order}/cancel")), order }
    }
}

impl Accepted {
    /// 202 with the place to look at.
    pub(super) fn response(order_id: OrderId, trace_id: TraceId) -> Response {
        let links = Links::of(order_id, true);
        let body = Self { order_id, status: AcceptedStatus::Accepted, trace_id, links };
        (StatusCode::ACCEPTED, [(LOCATION, location(order_id))], Json(body)).into_response()
    }
}

impl OrderView {
    /// The order, and where it is.
    pub(super) fn response(code: StatusCode, order: Order) -> Response {
        let place = [(LOCATION, location(order.order_id))];
        (code, place, Json(Self::from(order))).into_response()
    }
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        let payment = payment(&order);
        Self {
            order_id: order.order_id,
            customer_id: order.customer_id,
            status: Status::of(order.stage),
            reason: order.reason,
            detail: order.detail,
            // The projection wrote it, so it is JSON; an order is shown even if somebody spoilt that.
            lines: RawValue::from_string(order.lines).unwrap_or_default(),
            total: MoneyView { amount: order.total.amount, currency: order.total.currency },
            payment,
            created_at: order.created_at,
            updated_at: order.updated_at,
            trace_id: order.trace_id,
            version: order.version,
            links: Links::of(order.order_id, order.stage != Stage::Cancelled),
        }
    }
}

fn payment(order: &Order) -> Option<PaymentView> {
    let amount = order.refund_due.max(order.refunded);
    let refund = (amount > 0).then(|| RefundView {
        status: if order.refunded >= amount { RefundStatus::Refunded } else { RefundStatus::Pending },
        amount: MoneyView { amount, currency: order.total.currency },
        refund_id: order.refund_id.clone(),
    });
    let charge_id = order.charge_id.clone();
    (charge_id.is_some() || refund.is_some()).then_some(PaymentView { charge_id, refund })
}
