"""The dashboard of the processes: calls, readiness and resources of every service."""

from panels import dashboard, label_variable, quantile, rate, stat, timeseries

HTTP = "http_server_request_duration_seconds"
CHOSEN = 'job=~"$job", instance=~"$instance"'

GLANCE = [
    stat("Processes", f"count(build_info{{{CHOSEN}}})", width=6),
    stat("Not ready", f"count(min by (job, instance) (readiness_check{{{CHOSEN}}}) == 0) or vector(0)", says="/ready of these says which condition does not hold.", red_from=1, width=6),
    stat("Started within the last hour", f"count(time() - process_start_time_seconds{{{CHOSEN}}} < 3600) or vector(0)", width=6),
    stat("Versions", f"count(count by (version) (build_info{{{CHOSEN}}}))", says="More than one during a deploy only.", red_from=2, width=6),
]

CALLS = [
    timeseries("Calls per second", rate(f"{HTTP}_count", "job", CHOSEN), unit="reqps"),
    timeseries("Calls that fail, per second", rate(f"{HTTP}_count", "job, route, status", f'{CHOSEN}, status=~"5.."'), unit="reqps"),
    timeseries("Callers who went away, per second", rate(f"{HTTP}_count", "job, route", f'{CHOSEN}, status="499"'), unit="reqps"),
    timeseries("Duration, p50", quantile(0.5, HTTP, "job", CHOSEN), unit="s"),
    timeseries("Duration, p99", quantile(0.99, HTTP, "job", CHOSEN), unit="s"),
    timeseries("Calls being answered", (f"sum by (job) (http_server_active_requests{{{CHOSEN}}})", "{{job}}")),
    timeseries("Calls by route", rate(f"{HTTP}_count", "job, method, route", CHOSEN), unit="reqps", width=12),
    timeseries("Duration by route, p99", quantile(0.99, HTTP, "route", CHOSEN), unit="s", width=12),
]

RESOURCES = [
    timeseries("CPU", (f"rate(process_cpu_seconds_total{{{CHOSEN}}}[$__rate_interval])", "{{job}} {{instance}}"), unit="percentunit", says="1 is one core."),
    timeseries("Resident memory", (f"process_resident_memory_bytes{{{CHOSEN}}}", "{{job}} {{instance}}"), unit="bytes"),
    timeseries("Virtual memory", (f"process_virtual_memory_bytes{{{CHOSEN}}}", "{{job}} {{instance}}"), unit="bytes"),
    timeseries("Open files, share of the limit", (f"process_open_fds{{{CHOSEN}}} / process_max_fds{{{CHOSEN}}}", "{{job}} {{instance}}"), unit="percentunit"),
    timeseries("Threads", (f"process_threads{{{CHOSEN}}}", "{{job}} {{instance}}")),
    timeseries("Up for", (f"time() - process_start_time_seconds{{{CHOSEN}}}", "{{job}} {{instance}}"), unit="s"),
]

READINESS = [
    timeseries("Conditions of readiness", (f"readiness_check{{{CHOSEN}}}", "{{job}} {{instance}} {{check}}"), says="1 while it holds.", width=12),
    timeseries("Versions", (f"count by (job, version) (build_info{{{CHOSEN}}})", "{{job}} {{version}}"), width=6),
    timeseries("Refused by the broker", (f"messaging_refusals_total{{{CHOSEN}}}", "{{job}} {{instance}}"), says="Its user lacks a right; anything above 0 is a mistake.", width=6),
]


def board() -> dict:
    """The dashboard."""
    rows = [("At a glance", GLANCE), ("Calls", CALLS), ("Resources", RESOURCES), ("Readiness and versions", READINESS)]
    variables = [
        label_variable("job", "Service", "label_values(build_info, job)"),
        label_variable("instance", "Process", 'label_values(build_info{job=~"$job"}, instance)'),
    ]
    says = "Calls, readiness and resources of every service."
    return dashboard("orderfleet: processes", says, rows, variables)
