"""The dashboard of the fleet: what becomes of orders, and of the messages that carry them."""

from panels import dashboard, highest, quantile, quantiles, rate, stat, timeseries

HTTP = "http_server_request_duration_seconds"
ORDERS_API = 'job="order-service"'


def outcomes(selector: str = "") -> str:
    """Orders per second that come to an outcome. Replicas with a database of their own tell of each order once each."""
    counted = f"sum by (instance, outcome) (rate(order_completion_duration_seconds_count{{{selector}}}[$__rate_interval]))"
    return f"max by (outcome) ({counted})"


ACCEPTED = 'sum(rate(order_requests_total{request="place", outcome="stored"}[$__rate_interval]))'

GLANCE = [
    stat("Accepted per second", ACCEPTED, "ops"),
    stat("Confirmed per second", outcomes('outcome="confirmed"'), "ops"),
    stat("Cancelled per second", outcomes('outcome="cancelled"'), "ops"),
    stat("Open orders", "sum(max by (step) (orders_open))"),
    stat("Stuck orders", "sum(max by (step) (orders_stuck))", says="Open for longer than STUCK_AFTER. cargo fleet order stuck lists them.", red_from=1),
    stat("Dead letters", "sum(max by (service, cause) (dead_letters_open))", says="Nobody has done anything about them. cargo fleet dlq list shows them.", red_from=1),
    stat("Breaker", "max(payment_gateway_breaker_state)", says="To the card gateway: 0 closed, 1 half-open, 2 open.", red_from=1),
    stat("Journals led", "sum(journal_leader)", says="Two are kept: ORDERS and INVENTORY."),
]

ORDERS = [
    timeseries("Orders per second", (ACCEPTED, "accepted"), (outcomes(), "{{outcome}}"), unit="ops"),
    timeseries("From acceptance to outcome", *quantiles("order_completion_duration_seconds"), unit="s"),
    timeseries("Error ratios of the objectives, 1 h", ("slo:error_ratio:rate1h", "{{slo}} {{consumer}}"), unit="percentunit", says="What may go wrong is in docs/ALERTS.md."),
    timeseries("Open orders by step", highest("orders_open", "step"), stack=True),
    timeseries("Stuck orders by step", highest("orders_stuck", "step")),
    timeseries("Oldest open order by step", highest("orders_oldest_open_age_seconds", "step"), unit="s"),
]

API = [
    timeseries("Calls per second", rate(f"{HTTP}_count", "method, route, status", ORDERS_API), unit="reqps"),
    timeseries("Calls that fail, per second", rate(f"{HTTP}_count", "route, status", f'{ORDERS_API}, status=~"5.."'), unit="reqps"),
    timeseries("Duration, without those who asked to wait", *quantiles(HTTP, selector=f'{ORDERS_API}, status!="201"'), unit="s"),
    timeseries("What became of valid requests", rate("order_requests_total", "request, outcome"), unit="ops"),
    timeseries("Callers who wait for an outcome", ("sum(order_waiting_callers)", "callers")),
    timeseries("Orders remembered by the journal", highest("order_remembered", "state")),
]

PAYMENTS = [
    timeseries("Attempts at payments by status", rate("payment_process_duration_seconds_count", "status"), unit="ops"),
    timeseries("Duration of an attempt, p99", quantile(0.99, "payment_process_duration_seconds", "status"), unit="s"),
    timeseries("Declines by code", rate("payment_declines_total", "code"), unit="ops"),
    timeseries("Calls of the card gateway", rate("payment_gateway_request_duration_seconds_count", "operation, outcome"), unit="reqps"),
    timeseries("Duration of a call, p99", quantile(0.99, "payment_gateway_request_duration_seconds", "operation"), unit="s"),
    timeseries(
        "Breaker, and retries that had to wait",
        highest("payment_gateway_breaker_state", "instance"),
        ("sum(rate(payment_retries_postponed_total[$__rate_interval]))", "postponed per second"),
    ),
]

STOCK = [
    timeseries("Orders refused their stock", ("sum(rate(inventory_rejected_total[$__rate_interval]))", "refused"), unit="ops"),
    timeseries("Orders with pieces set aside, and SKUs", ("max(inventory_reservations_open)", "orders"), ("max(inventory_skus)", "SKUs")),
    timeseries("Adjustments by outcome", rate("inventory_adjustments_total", "outcome"), unit="ops"),
]

NOTIFICATIONS = [
    timeseries("Attempts at telling customers", rate("notification_send_duration_seconds_count", "template, outcome"), unit="ops", width=12),
    timeseries("Duration of an attempt, p99", quantile(0.99, "notification_send_duration_seconds", "outcome"), unit="s", width=12),
]

JOURNALS = [
    timeseries("Leaders by journal", ("sum by (journal) (journal_leader)", "{{journal}}"), says="1 is right. For some seconds of a take-over there is none."),
    timeseries("Epoch by journal", highest("journal_epoch", "journal"), says="Rises by one with each take-over."),
    timeseries("Turns per minute", ("sum by (journal, transition) (rate(journal_transitions_total[$__rate_interval])) * 60", "{{journal}} {{transition}}")),
    timeseries("Messages per second", ("max by (journal) (rate(journal_sequence[$__rate_interval]))", "{{journal}}"), unit="ops"),
    timeseries("Messages per commit, p50", quantile(0.5, "messaging_commit_messages", "stream")),
    timeseries("Messages per commit, p99", quantile(0.99, "messaging_commit_messages", "stream")),
    timeseries("Commits per second", rate("messaging_commit_duration_seconds_count", "stream"), unit="ops"),
    timeseries("Duration of a commit, p50", quantile(0.5, "messaging_commit_duration_seconds", "stream"), unit="s"),
    timeseries("Duration of a commit, p99", quantile(0.99, "messaging_commit_duration_seconds", "stream"), unit="s"),
    timeseries("Publishes sent again", rate("messaging_publish_retries_total", "stream"), unit="ops"),
    timeseries("Publishes refused", rate("messaging_publish_refusals_total", "stream, reason"), unit="ops"),
    timeseries("Ticks that failed", rate("journal_failed_ticks_total", "journal"), unit="ops"),
]

CONSUMERS = [
    timeseries("Age of messages when done with, p50", quantile(0.5, "messaging_message_age_seconds", "consumer"), unit="s"),
    timeseries("Age of messages when done with, p99", quantile(0.99, "messaging_message_age_seconds", "consumer"), unit="s"),
    timeseries("Messages waiting, when last one came", highest("messaging_backlog", "consumer")),
    timeseries("Messages in hand", ("sum by (consumer) (messaging_in_flight)", "{{consumer}}")),
    timeseries("Messages settled", rate("messaging_process_duration_seconds_count", "consumer, outcome"), unit="ops"),
    timeseries("Time in hand, p99", quantile(0.99, "messaging_process_duration_seconds", "consumer"), unit="s"),
    timeseries("Attempts by how they ended", rate("worker_attempts_total", "consumer, outcome"), unit="ops"),
    timeseries("Dead letters waiting, by service and cause", highest("dead_letters_open", "service, cause")),
    timeseries("Oldest of them, by service", highest("dead_letters_oldest_age_seconds", "service"), unit="s"),
    timeseries("Messages parked per minute", ("sum by (service, cause) (rate(dead_letters_total[$__rate_interval])) * 60", "{{service}} {{cause}}")),
]

APPLIED = "max by (projection, stream) (projection_applied_sequence)"
HELD = 'max by (stream) (label_replace(journal_sequence, "stream", "$1", "journal", "(.*)"))'

PROJECTIONS = [
    timeseries("Messages behind the journals", (f"clamp_min(-({APPLIED} - on (stream) group_left () {HELD}), 0)", "{{projection}} {{stream}}")),
    timeseries("Messages applied per second", ("max by (projection, stream) (rate(projection_applied_sequence[$__rate_interval]))", "{{projection}} {{stream}}"), unit="ops"),
    timeseries("Messages per transaction, p50", quantile(0.5, "projection_batch_size", "projection")),
    timeseries("Duration of a transaction, p99", quantile(0.99, "projection_batch_duration_seconds", "projection"), unit="s"),
    timeseries("Transactions by outcome", rate("projection_batch_duration_seconds_count", "projection, outcome"), unit="ops"),
    timeseries("Begun anew, per minute", ("sum by (projection) (rate(projection_errors_total[$__rate_interval])) * 60", "{{projection}}")),
    timeseries("Projecting, and waiting for the database", ("sum by (projection) (projection_active)", "{{projection}} projecting"), ("sum by (projection) (projection_at_database)", "{{projection}} at the database")),
    timeseries("Events that cannot be read", ("sum(rate(order_read_model_skipped_total[$__rate_interval]))", "orders"), rate("audit_unreadable_messages_total", "stream"), unit="ops"),
    timeseries("Messages missing in the audit trail", ("sum by (stream) (audit_missing_messages_total)", "{{stream}}")),
]


def board() -> dict:
    """The dashboard."""
    rows = [
        ("At a glance", GLANCE),
        ("Orders", ORDERS),
        ("Orders API", API),
        ("Payments", PAYMENTS),
        ("Stock", STOCK),
        ("Notifications", NOTIFICATIONS),
        ("Journals and commits", JOURNALS),
        ("Consumers and dead letters", CONSUMERS),
        ("Read models and audit trail", PROJECTIONS),
    ]
    says = "What becomes of orders, and of the messages that carry them."
    return dashboard("orderfleet: fleet", says, rows, [])
