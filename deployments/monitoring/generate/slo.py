"""The service level objectives, and the rules that follow from each: error ratios by window, and burn-rate alerts."""

from dataclasses import dataclass

# Which part of a 30 days' error budget is spent how fast: (short window, long window, times as fast as the budget allows).
PAGE = [("5m", "1h", 14.4), ("30m", "6h", 6)]
TICKET = [("2h", "1d", 3), ("6h", "3d", 1)]
WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]
SECONDS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}
# A long window with fewer events says nothing about a ratio: one failure at night wakes nobody.
ENOUGH = 100


@dataclass(frozen=True)
class Slo:
    """One objective. `errors` and `total` are rates of events over `$w`, as PromQL."""

    name: str
    says: str
    objective: float
    errors: str
    total: str
    alert: str
    summary: str
    by: str = ""

    @property
    def budget(self) -> float:
        """The ratio of events that may go wrong."""
        return round(1 - self.objective, 6)


def share_above(histogram: str, selector: str, bound: str, by: str = "") -> tuple[str, str]:
    """Rates of those above a bucket's bound, and of all."""
    # Prometheus 3 writes every bound with a fraction, Prometheus 2 as the process did.
    le = f'le=~"{bound}(\\\\.0)?"'
    inside = ", ".join(filter(None, [selector, le]))
    group = f" by ({by})" if by else ""
    total = f"sum{group} (rate({histogram}_count{{{selector}}}[$w]))"
    return f"{total} - sum{group} (rate({histogram}_bucket{{{inside}}}[$w]))", total


API = 'job="order-service"'
# Who asks to wait for the outcome is answered when there is one: 201. That is not how fast the API is.
ANSWERS = f'{API}, route=~"/orders|/orders/{{order_id}}", status=~"200|202"'
HTTP = "http_server_request_duration_seconds"

_slow_errors, _slow_total = share_above(HTTP, ANSWERS, "0.25")
_late_errors, _late_total = share_above("order_completion_duration_seconds", "", "10")
_old_errors, _old_total = share_above("messaging_message_age_seconds", "", "10", by="consumer")

SLOS = [
    Slo(
        "order-api-availability",
        "99.9 % of the calls of the orders API get an answer other than 5xx.",
        0.999,
        # Nothing minus nothing, so that a time without a failure is 0 and not unknown.
        f'sum (rate({HTTP}_count{{{API}, status=~"5.."}}[$w])) or 0 * sum (rate({HTTP}_count{{{API}}}[$w]))',
        f"sum (rate({HTTP}_count{{{API}}}[$w]))",
        "OrderApiUnavailable",
        "{{ $value | humanizePercentage }} of the calls of the orders API fail",
    ),
    Slo(
        "order-api-latency",
        "99 % of the orders are accepted, and of the lookups answered, within 250 ms.",
        0.99,
        _slow_errors,
        _slow_total,
        "OrderApiSlow",
        "{{ $value | humanizePercentage }} of the calls of the orders API take longer than 250 ms",
    ),
    Slo(
        "order-completion",
        "99 % of the orders are confirmed or cancelled within 10 s of their acceptance.",
        0.99,
        _late_errors,
        _late_total,
        "OrdersCompleteLate",
        "{{ $value | humanizePercentage }} of the orders take longer than 10 s from acceptance to outcome",
    ),
    Slo(
        "message-age",
        "99 % of the messages are done with within 10 s of being stored, for each consumer.",
        0.99,
        _old_errors,
        _old_total,
        "MessagesHandledLate",
        "{{ $value | humanizePercentage }} of the messages of {{ $labels.consumer }} wait longer than 10 s",
        by="consumer",
    ),
]


def groups() -> list[dict]:
    """One group of rules per objective."""
    return [{"name": f"slo-{slo.name}", "rules": [*_records(slo), *_alerts(slo)]} for slo in SLOS]


def _records(slo: Slo) -> list[dict]:
    labels = {"slo": slo.name}
    for window in WINDOWS:
        ratio = f"({slo.errors}) / ({slo.total})".replace("$w", window)
        yield {"record": f"slo:error_ratio:rate{window}", "expr": ratio, "labels": labels}
    for window in sorted({long for _, long, _ in PAGE + TICKET}, key=SECONDS.get):
        # Per window, not per second: how many there were.
        count = f"({slo.total}) * {SECONDS[window]}".replace("$w", window)
        yield {"record": f"slo:events:count{window}", "expr": count, "labels": labels}


def _alerts(slo: Slo) -> list[dict]:
    for severity, pairs in [("page", PAGE), ("ticket", TICKET)]:
        yield {
            "alert": slo.alert,
            "expr": "\nor\n".join(_burns(slo, *pair) for pair in pairs),
            "labels": {"severity": severity, "slo": slo.name},
            "annotations": {
                "summary": slo.summary,
                "description": f"{slo.says} The error budget of 30 days is being spent too fast.",
                "runbook_url": f"docs/ALERTS.md#{slo.alert.lower()}",
            },
        }


def _burns(slo: Slo, short: str, long: str, times: float) -> str:
    label = f'{{slo="{slo.name}"}}'
    limit = f"{times} * {slo.budget}"
    return (
        f"(slo:error_ratio:rate{short}{label} > {limit}\n"
        f"  and slo:error_ratio:rate{long}{label} > {limit}\n"
        f"  and slo:events:count{long}{label} >= {ENOUGH})"
    )
