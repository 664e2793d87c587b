//! What callers send, and how errors look, for the API's description: read and written elsewhere.
#![expect(dead_code, reason = "these types describe JSON; nobody builds one")]

use utoipa::ToSchema;

/// What is ordered. Unknown fields are refused.
#[derive(ToSchema)]
#[schema(as = NewOrder)]
pub(super) struct OrderBody {
    /// Who buys: 1 to 64 characters of `A-Z a-z 0-9 . _ : @ -`.
    #[schema(example = "c-1001", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._:@-]+$")]
    customer_id: String,
    /// The currency of all prices, ISO 4217.
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    currency: String,
    /// What, at which price; each SKU once.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<NewLine>,
    /// The sum of the lines in minor units, if the caller wants it checked.
    #[schema(nullable = false, example = 3998, minimum = 1)]
    total: Option<i64>,
    /// The gateway's token for the customer's card; never a card number.
    #[schema(example = "pm_card_visa", min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._:-]+$")]
    payment_method: String,
}

/// One position of a new order.
#[derive(ToSchema)]
pub(super) struct NewLine {
    /// What: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
    #[schema(example = "LAMP-BLUE", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    sku: String,
    /// How many pieces.
    #[schema(example = 2, minimum = 1, maximum = 10_000)]
    quantity: u32,
    /// Price of one piece in minor units.
    #[schema(example = 1999, minimum = 0, maximum = 10_000_000_000_i64)]
    unit_price: i64,
}

/// Why an order is to be cancelled. May be left out altogether.
#[derive(ToSchema)]
#[schema(as = Cancellation)]
pub(super) struct CancelBody {
    /// In the caller's words, without control characters.
    #[schema(nullable = false, example = "ordered by mistake", min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// An error, as RFC 9457 has it.
#[derive(ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView {
    /// The kind of problem; `about:blank` when the status says it all.
    #[schema(example = "urn:problem:invalid-body")]
    r#type: String,
    /// The kind of problem in words.
    #[schema(example = "Invalid body")]
    title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What to fix.
    #[schema(nullable = false, example = "/lines/0/quantity must be a whole number from 1 to 10000, not 0")]
    detail: Option<String>,
    /// The trace to quote.
    #[schema(nullable = false, pattern = "^[0-9a-f]{32}$")]
    trace_id: Option<String>,
    /// The order it is about.
    #[schema(nullable = false)]
    order_id: Option<uuid::Uuid>,
    /// Everything that is wrong with the body.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldErrorView>>,
    /// The header that is wrong.
    #[schema(nullable = false, example = "Idempotency-Key")]
    header: Option<String>,
    /// The parameter that is wrong.
    #[schema(nullable = false, example = "limit")]
    parameter: Option<String>,
    /// Why an order was not cancelled.
    #[schema(nullable = false, example = "too_late")]
    reason: Option<String>,
}

/// What is wrong with one field.
#[derive(ToSchema)]
#[schema(as = FieldError)]
pub(super) struct FieldErrorView {
    /// JSON pointer (RFC 6901) of the field; empty for the body as a whole.
    #[schema(example = "/lines/0/quantity")]
    pointer: String,
    /// What to fix.
    #[schema(example = "must be a whole number from 1 to 10000")]
    detail: String,
}
