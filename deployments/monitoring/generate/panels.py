"""The parts that dashboards are put together from. Every panel asks the data source that the reader has chosen."""

from collections.abc import Iterable

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
HEIGHT = 8
# A stat is as high as a line of text and its figure.
STAT_HEIGHT = 4

Target = tuple[str, str]


def quantiles(histogram: str, by: str = "", selector: str = "", legend: str = "") -> list[Target]:
    """Median, 95th and 99th percentile of a histogram."""
    group = ", ".join(filter(None, ["le", by]))
    buckets = f"sum by ({group}) (rate({histogram}_bucket{{{selector}}}[$__rate_interval]))"
    name = f"{legend} " if legend else ""
    return [(f"histogram_quantile({q}, {buckets})", f"{name}{label}") for q, label in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")]]


def quantile(q: float, histogram: str, by: str, selector: str = "") -> Target:
    """One percentile for each value of a label."""
    buckets = f"sum by (le, {by}) (rate({histogram}_bucket{{{selector}}}[$__rate_interval]))"
    return (f"histogram_quantile({q}, {buckets})", f"{{{{{by}}}}}")


def rate(counter: str, by: str, selector: str = "") -> Target:
    """Events per second for each combination of labels."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return (f"sum by ({by}) (rate({counter}{{{selector}}}[$__rate_interval]))", legend)


def highest(gauge: str, by: str, selector: str = "") -> Target:
    """A gauge that every replica tells alike, for each combination of labels."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return (f"max by ({by}) ({gauge}{{{selector}}})", legend)


def timeseries(title: str, *targets: Target, unit: str = "short", says: str = "", width: int = 8, stack: bool = False) -> dict:
    """Curves over time."""
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 20 if stack else 0, "showPoints": "never"}
    if stack:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    return {
        **_panel("timeseries", title, targets, unit, says, width, HEIGHT),
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    } | {"fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []}}


def stat(title: str, expr: str, unit: str = "short", says: str = "", red_from: float | None = None, width: int = 3) -> dict:
    """One figure, red from a bound on."""
    steps = [{"color": "green", "value": None}]
    if red_from is not None:
        steps.append({"color": "red", "value": red_from})
    field = {"unit": unit, "thresholds": {"mode": "absolute", "steps": steps}, "color": {"mode": "thresholds"}}
    return {
        **_panel("stat", title, [(expr, "")], unit, says, width, STAT_HEIGHT),
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "area",
            "textMode": "value",
        },
        "fieldConfig": {"defaults": field, "overrides": []},
    }


def dashboard(title: str, says: str, rows: Iterable[tuple[str, list[dict]]], variables: list[dict]) -> dict:
    """A dashboard of rows, its panels numbered and placed."""
    panels, y = [], 0
    for name, members in rows:
        panels.append({"type": "row", "title": name, "collapsed": False, "panels": [], "gridPos": _place(0, y, COLUMNS, 1)})
        y = _fill(members, y + 1)
        panels += members
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "title": title,
        "description": says,
        "tags": ["orderfleet"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "title": "orderfleet", "tags": ["orderfleet"], "asDropdown": False, "includeVars": True, "keepTime": True}],
        "templating": {"list": [_source_variable(), *variables]},
        "panels": panels,
    }


def label_variable(name: str, label: str, query: str) -> dict:
    """A choice among the values of a label, several or all of them."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _source_variable() -> dict:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "current": {}, "refresh": 1}


def _panel(kind: str, title: str, targets: Iterable[Target], unit: str, says: str, width: int, height: int) -> dict:
    return {
        "type": kind,
        "title": title,
        "description": says,
        "datasource": SOURCE,
        "gridPos": _place(0, 0, width, height),
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": SOURCE, "expr": expr, "legendFormat": legend, "range": True}
            for index, (expr, legend) in enumerate(targets)
        ],
    }


def _place(x: int, y: int, w: int, h: int) -> dict:
    return {"x": x, "y": y, "w": w, "h": h}


def _fill(panels: list[dict], y: int) -> int:
    """Places panels from left to right, then in the next line; gives where the next row begins."""
    x, line = 0, 0
    for panel in panels:
        place = panel["gridPos"]
        if x + place["w"] > COLUMNS:
            x, y, line = 0, y + line, 0
        place["x"], place["y"] = x, y
        x, line = x + place["w"], max(line, place["h"])
    return y + line
