"""What the chart tells the programs they understand: names and ranges of settings, commands and their options."""

import json
import re

import pytest
from cases import CASES
from pods import OURS, containers, env, pod, workloads
from tools import CHART, ROOT, kustomized, rendered

#: What every process has: itself, the broker, and how a journal is kept.
PROCESS = ["crates/runtime/src/config.rs"]
BROKER = sorted(str(file.relative_to(ROOT)) for file in (ROOT / "crates/service/src").glob("*.rs"))
ENV = re.compile(r'\benv = "(\w+)"')
#: Standard variables of OpenTelemetry's own library, which no option stands for.
OF_OTHERS = {"OTEL_RESOURCE_ATTRIBUTES"}
#: Settings that have a place in the chart by another name, or that make no sense in a pod.
ELSEWHERE = {
    "LISTEN",
    "INSTANCE",
    "DRAIN_TIMEOUT",
    "LOG_LEVEL",
    "LOG_FORMAT",
    "DATABASE_URL",
    "GATEWAY_URL",
    "GATEWAY_CA_FILE",
    "GATEWAY_LEDGER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
    "OTEL_SDK_DISABLED",
}


def source(*paths):
    return "\n".join((ROOT / path).read_text() for path in paths)


def understood(program):
    """The variables that a program's command line is defined with."""
    if program == "gateway-sim":
        return set(ENV.findall(source(*PROCESS, "crates/gateway-sim/src/config.rs")))
    if program in OURS:
        return set(ENV.findall(source(*PROCESS, *BROKER, f"services/{program}/src/config.rs")))
    files = (ROOT / "crates" / "orderfleet" / "src").rglob("*.rs")
    return set(ENV.findall("\n".join(file.read_text() for file in files) + source(*BROKER)))


def program(container):
    """The image says which program it is; the command line has several names here."""
    return container["name"] if container["name"] in OURS else "orderfleet"


def ours(things):
    return [c for w in workloads(things) for c in containers(w) if c["name"] != "nats"]


def strangers(things):
    """Variables that a container gets and its program does not know."""
    for container in ours(things):
        for name in set(env(container)) - understood(program(container)) - OF_OTHERS:
            yield f"{container['name']} does not know {name}"


@pytest.mark.parametrize("case", CASES)
def test_every_variable_is_understood(case):
    assert not set(strangers(rendered(case)))


def test_a_variable_that_nobody_knows_would_be_seen():
    things = [
        {
            "kind": "Pod",
            "spec": {"containers": [{"name": "payment-service", "env": [{"name": "GATEWAY_URI", "value": "x"}]}]},
        }
    ]
    assert list(strangers(things)) == ["payment-service does not know GATEWAY_URI"]


def schema_settings(service):
    whole = json.loads((CHART / "values.schema.json").read_text())["properties"]
    block = whole["gatewaySim"] if service == "gateway-sim" else whole["services"]["properties"][service]
    settings = block["properties"]["settings"]
    return settings["properties"] if settings else {}


@pytest.mark.parametrize("service", OURS)
def test_every_setting_can_be_said(service):
    """A setting that a service gets has to get a place here, too; one that it loses has to go."""
    has = {name for name in understood(service) if not name.startswith("NATS_")} - ELSEWHERE
    journal = {"JOURNAL_LEASE", "SNAPSHOT_INTERVAL"}
    if "JournalArgs" not in source(f"{'crates' if service == 'gateway-sim' else 'services'}/{service}/src/config.rs"):
        has -= journal
    assert set(schema_settings(service)) == has


def bounds(text):
    """The range that each variable's parser takes, where the source says one: NAME -> (least, most)."""
    numbers = {"YEAR": 31536000}
    found = {}
    for name, first, last in re.findall(r'env = "(\w+)".*?\n(?:.*\n)?.*?range\((\w+)\.\.=(\w+)\)', text):
        found[name] = tuple(int(numbers.get(n, n.replace("_", "")) if not n.isdigit() else n) for n in (first, last))
    return found


@pytest.mark.parametrize("service", [name for name in OURS if name != "gateway-sim"])
def test_the_schema_takes_what_the_service_takes(service):
    whole = json.loads((CHART / "values.schema.json").read_text())["definitions"]
    ranges = bounds(source(*BROKER, f"services/{service}/src/config.rs"))
    for name, part in schema_settings(service).items():
        part = whole[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
        if part["type"] == "boolean":
            assert name not in ranges
        else:
            assert (part["minimum"], part["maximum"]) == ranges[name], name


def test_commands_have_the_options_that_they_are_given():
    text = source(*(str(p.relative_to(ROOT)) for p in (ROOT / "crates/orderfleet/src/commands").rglob("*.rs")))
    fields = set(re.findall(r"^    (?:pub(?:\(\w+\))? )?(\w+): ", text, re.MULTILINE))
    given = {
        word.removeprefix("--").replace("-", "_")
        for case in CASES
        for container in ours(rendered(case))
        for word in container.get("args", [])
        if word.startswith("--")
    }
    assert {"replicas", "max_age", "max_bytes", "expect", "wait"} <= given
    assert not given - fields
    assert "expekt" not in fields


@pytest.mark.parametrize(("name", "copies"), [("quickstart", "1"), ("production", "3")])
def test_setup_asks_for_as_many_copies_as_there_are_servers(name, copies):
    things = kustomized(f"k8s/overlays/{name}")
    (job,) = (t for t in things if t["kind"] == "Job")
    assert pod(job)["containers"][0]["args"] == ["setup", "--replicas", copies]
    (servers,) = (t for t in things if t["kind"] == "StatefulSet" and t["metadata"]["name"] == "nats")
    assert str(servers["spec"]["replicas"]) == copies
