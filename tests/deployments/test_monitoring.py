"""What watches the fleet: rules, dashboards and runbook agree with the sources and with one another, and alerts fire.

Runs alone with pytest and PyYAML. promtool is taken from PROMTOOL, the PATH or target/tools, else fetched there as a Debian
package; where none of that works the tests fail, they are not skipped.
"""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from promql import asks_for, promtool

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deployments" / "monitoring"
RULES = sorted((MONITORING / "rules").glob("*.yaml"))
DASHBOARDS = sorted((MONITORING / "dashboards").glob("*.json"))
CASES = sorted((ROOT / "tests" / "deployments" / "monitoring").glob("*.yaml"))
RUNBOOK = ROOT / "docs" / "ALERTS.md"
SERVICES = ["order-service", "inventory-service", "payment-service", "notification-service", "audit-service"]

# What Prometheus adds to every series by itself, or tells of every target.
TARGET_LABELS = {"job", "instance"}
ITS_OWN = {"up": set()}
# What a dashboard's variables stand for while its queries are checked.
VARIABLES = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}


# --- what PromQL asks for -----------------------------------------------------------------------------------------------


@functools.cache
def listed() -> dict[str, set[str]]:
    """Every series that there may be, with its labels: those of our processes, of the exporter, and what rules record."""
    series = dict(ITS_OWN)
    for path in [MONITORING / "metrics.txt", MONITORING / "nats-exporter-metrics.txt"]:
        for name, kind, *labels in entries(path):
            for suffix in ["_bucket", "_count", "_sum"] if kind == "histogram" else [""]:
                series[name + suffix] = set(labels) | ({"le"} if suffix == "_bucket" else set())
    for rule in all_rules():
        if "record" in rule:
            series.setdefault(rule["record"], set()).update(rule["labels"], asks_for(rule["expr"])[1])
    return series


def entries(path: Path) -> list[list[str]]:
    lines = path.read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def strangers(expr: str) -> list[str]:
    """What an expression asks for that does not exist."""
    series, (metrics, grouped) = listed(), asks_for(expr)
    unknown = [name for name in metrics if name not in series]
    known = {name: series[name] | TARGET_LABELS for name in metrics if name in series}
    unknown += [f"{name}{{{label}}}" for name in known for label in metrics[name] - known[name]]
    made = set(re.findall(r'label_replace\s*\((?:[^"]|"(?!\w+",\s*"\$))*"(\w+)",\s*"', expr))
    return unknown + sorted(grouped - set().union(made, *known.values()))


def test_what_is_asked_for_is_found():
    """The reading of PromQL that the tests below rest on."""
    expr = 'sum by (a) (rate(x_total{b="c{d}", e=~"f"}[5m])) / on (g) group_left () max(y offset 2m) > 4 * 1e3 and z_bucket'
    assert asks_for(expr) == ({"x_total": {"b", "e"}, "y": set(), "z_bucket": set()}, {"a", "g"})
    assert strangers("sum by (step) (orders_stuck)") == []
    assert strangers("orders_invented") == ["orders_invented"]
    assert strangers("messaging_commit_messages") == ["messaging_commit_messages"], "a histogram has no series of its name"
    assert strangers('orders_stuck{colour="red"}') == ["orders_stuck{colour}"]
    assert strangers("sum by (colour) (orders_stuck)") == ["colour"]


# --- metrics ------------------------------------------------------------------------------------------------------------

CONSTANT = re.compile(r'const (\w+): &str =\s*"([a-z0-9_]+)";')
REGISTERED = re.compile(
    r"\b(?:Opts::new|HistogramOpts::new|IntGauge::new|IntCounter::new|Counter::new|histogram|counter|gauge)\(\s*"
    r'(?:"([a-z0-9_]+)"|([A-Z_]+)\b)'
)


def registered() -> set[str]:
    """Every metric that the sources register: the literal, or the constant, that an `Opts::new`, a metric's own `new`, or a
    closure named after a kind of metric is called with first, in any file outside tests that names `prometheus`."""
    names = set()
    for path in sorted([*ROOT.glob("crates/*/src/**/*.rs"), *ROOT.glob("services/*/src/**/*.rs")]):
        text = path.read_text().split("#[cfg(test)]\nmod tests")[0]
        if "prometheus::" not in text or "tests" in path.parts or path.name == "tests.rs":
            continue
        constants = dict(CONSTANT.findall(text))
        names |= {literal or constants[constant] for literal, constant in REGISTERED.findall(text)}
    return names


def test_the_list_of_metrics_is_that_of_the_sources():
    names = [name for name, *_ in entries(MONITORING / "metrics.txt")]
    assert names == sorted(set(names)), "in order, each once"
    assert set(names) == registered()


def assert_no_strangers(exprs: list[tuple[str, str]]):
    assert len(exprs) > 50, "the expressions are where this test looks"
    assert not [(name, strangers(expr)) for name, expr in exprs if strangers(expr)]


def test_rules_ask_only_for_what_exists():
    assert_no_strangers([(rule.get("alert", rule.get("record")), rule["expr"]) for rule in all_rules()])


def test_dashboards_ask_only_for_what_exists():
    assert_no_strangers(queries())


def test_every_metric_is_shown():
    """What nobody looks at need not be measured."""
    shown = {name for _, expr in queries() for name in asks_for(expr)[0]}
    shown = {re.sub("_(bucket|count|sum)$", "", name) for name in shown} | shown
    assert not {name for name, *_ in entries(MONITORING / "metrics.txt")} - shown


# --- rules --------------------------------------------------------------------------------------------------------------


@functools.cache
def all_rules() -> list[dict]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict]:
    return [rule for rule in all_rules() if "alert" in rule]


def test_rules_are_sound():
    promtool("check", "rules", "--lint-fatal", *RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(case):
    promtool("test", "rules", case)


def test_every_alert_is_tested_both_ways():
    fired, quiet = set(), set()
    for case in [test for path in CASES for test in yaml.safe_load(path.read_text())["tests"]]:
        for check in case["promql_expr_test"]:
            named = re.search(r'alertname=~?"([^"]+)"', check["expr"])
            samples = check.get("exp_samples", [])
            for sample in samples:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', sample["labels"]))
                fired.add((labels.get("alertname"), labels.get("severity")))
            if named and not samples:
                quiet |= set(named.group(1).split("|"))
    declared = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert not declared - fired, "no test sees these fire"
    assert not {name for name, _ in declared} - quiet, "no test sees these stay silent"


def test_generated_files_are_up_to_date():
    generate = [sys.executable, "-B", MONITORING / "generate", "--check"]
    done = subprocess.run(generate, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- runbook ------------------------------------------------------------------------------------------------------------


def test_every_alert_has_its_section_and_every_section_its_alert():
    sections = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sorted(sections) == sorted({rule["alert"] for rule in alerts()})
    links = re.findall(r"\[(\w+)\]\(#(\w+)\)", RUNBOOK.read_text())
    assert links and not [link for link in links if link[0] not in sections or link[0].lower() != link[1]]


def test_every_section_says_what_to_do():
    for section in RUNBOOK.read_text().split("\n### ")[1:]:
        name = section.splitlines()[0]
        for part in ["**Means.**", "**Look.**", "**Mend.**"]:
            assert section.count(part) == 1, f"{name} says {part} once"


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_alerts_say_what_they_mean_and_where_to_look(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/ALERTS.md#{rule['alert'].lower()}"


def test_commands_of_the_runbook_exist():
    """Every `cargo fleet` command it names is one: a file of the command line has its name."""
    commands = ROOT / "crates" / "orderfleet" / "src" / "commands"
    named = set(re.findall(r"cargo fleet ([a-z]+)(?: ([a-z]+))?", RUNBOOK.read_text()))
    assert named
    for command, action in named:
        assert (commands / f"{command}.rs").exists(), f"cargo fleet {command}"
        folder = commands / command
        known = action in ("", "help") or not folder.is_dir() or (folder / f"{action}.rs").exists()
        assert known, f"cargo fleet {command} {action}"


# --- dashboards ---------------------------------------------------------------------------------------------------------


def panels() -> list[tuple[str, dict]]:
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    return [(f"{board['title']}: {panel['title']}", panel) for board in boards for panel in board["panels"]]


def queries() -> list[tuple[str, str]]:
    """Every query of every dashboard, its variables filled in, with the title of its panel."""
    found = []
    for title, panel in panels():
        for target in panel.get("targets", []):
            expr = target["expr"]
            for variable, value in VARIABLES.items():
                expr = expr.replace(variable, value)
            found.append((title, expr))
    return found


def test_queries_of_dashboards_are_sound(tmp_path):
    exprs = [expr for _, expr in queries()]
    assert len(exprs) > 50, "the queries are where this test looks"
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", path)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_are_for_any_grafana(path):
    board = json.loads(path.read_text())
    assert "uid" not in board and board.get("id") is None, "it is not the same dashboard everywhere"
    [source] = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    assert (source["name"], source["query"]) == ("datasource", "prometheus")
    assert {each["uid"] for each in found(board, "datasource")} == {"${datasource}"}


def found(part, key: str) -> list:
    """Every value of a key, at any depth."""
    if isinstance(part, dict):
        here = [part[key]] if key in part else []
        return here + [value for each in part.values() for value in found(each, key)]
    return [value for each in part for value in found(each, key)] if isinstance(part, list) else []


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_have_their_place(path):
    board = json.loads(path.read_text())
    taken = {}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
        if panel["type"] != "row":
            assert panel["targets"] and panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references), panel["title"]


# --- Prometheus and Grafana ---------------------------------------------------------------------------------------------


def test_prometheus_takes_its_settings(tmp_path):
    text = (MONITORING / "prometheus.yaml").read_text()
    assert "/etc/prometheus/rules/*.yaml" in text
    path = tmp_path / "prometheus.yaml"
    path.write_text(text.replace("/etc/prometheus/rules", str(MONITORING / "rules")))
    promtool("check", "config", path)


def test_every_service_is_scraped_under_its_name():
    """The rules find a service by `job`."""
    jobs = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())["scrape_configs"]
    scraped = {job["job_name"]: job["dns_sd_configs"] for job in jobs}
    for service in [*SERVICES, "gateway-sim"]:
        [target] = scraped[service]
        assert (target["names"], target["port"]) == ([service], 8080)
    asked = {job for rule in all_rules() for job in re.findall(r'job="([a-z-]+)"', rule["expr"])}
    assert asked and asked <= set(scraped)


def test_grafana_finds_source_and_dashboards():
    provisioning = MONITORING / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert "uid" not in source, "the dashboards ask the default one"
    [provider] = yaml.safe_load((provisioning / "dashboards" / "orderfleet.yaml").read_text())["providers"]
    assert provider["type"] == "file" and provider["options"]["path"]
