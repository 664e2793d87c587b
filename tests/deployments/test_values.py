"""What is mistyped or cannot be meant is refused by both Helms; what can be said is written down."""

import json
import re
import subprocess
import sys

import pytest
from cases import GATEWAY
from tools import CHART, DEPLOYMENTS, HELMS, Refused, rendered


def nested(path, value):
    for key in reversed(path.split("/")):
        value = {key: value}
    return value


def merged(old, new):
    both = {
        key: merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }
    return old | both


#: A path, a value that is wrong there, and what the refusal has to name.
TYPOS = [
    ("quickStart", True, "quickStart"),
    ("global/imageRegistri", "x", "imageRegistri"),
    ("global/imageRegistry", "https://mirror.example", "imageRegistry"),
    ("image/repository", "https://registry.example/orderfleet", "repository"),
    ("image/repository", "registry.example/orderfleet/", "repository"),
    ("quickstartNats/image/repository", "nats:2.15", "repository"),
    ("services/order", {"replicas": 1}, "order"),
    ("services/order-service/replica", 1, "replica"),
    ("services/order-service/replicas", "2", "replicas"),
    ("services/order-service/replicas", 0, "replicas"),
    ("services/order-service/enabled", False, "enabled"),
    ("services/order-service/image/digest", "sha256:12", "digest"),
    ("services/order-service/pdb/minAvailible", 1, "minAvailible"),
    ("services/order-service/pdb/minAvailable", "half", "minAvailable"),
    ("services/order-service/settings/ORDER_DEADLIN", 60, "ORDER_DEADLIN"),
    ("services/order-service/settings/ORDER_DEADLINE", 0, "ORDER_DEADLINE"),
    ("services/order-service/settings/MAX_ATTEMPTS", 3, "MAX_ATTEMPTS"),
    ("services/order-service/service/port", "http", "port"),
    ("services/order-service/ingress", {"enabled": True}, "host"),
    ("services/order-service/autoscaling/kind", "keda", "kind"),
    ("services/inventory-service/autoscaling/kind", "hpa", "kind"),
    ("services/audit-service/autoscaling/kind", "hpa", "kind"),
    ("services/payment-service/autoscaling/kind", "vpa", "kind"),
    ("services/payment-service/autoscaling/minReplicas", 0, "minReplicas"),
    ("services/payment-service/autoscaling/scaleDownStabilization", 30, "scaleDownStabilization"),
    ("services/payment-service/persistence/enabled", True, "persistence"),
    ("services/notification-service/service/port", 80, "service"),
    ("services/inventory-service/database/existingSecret", "x", "database"),
    ("services/audit-service/resources/limit", {"memory": "1Gi"}, "limit"),
    ("services/audit-service/resources/limits/memory", "1 GB", "memory"),
    ("defaults/settings", {"MAX_ATTEMPTS": 3}, "settings"),
    ("defaults/probes/liveness", 10, "liveness"),
    ("gatewaySim/replicas", 2, "replicas"),
    ("nats/auth/method", "token", "method"),
    ("nats/auth/password", "hunter2", "password"),
    ("nats/url", "nats.example:4222", "url"),
    ("nats/url", "nats://order-service:hunter2@nats:4222", "url"),
    ("nats/monitoringEndpoint", "http://nats:8222", "monitoringEndpoint"),
    ("gateway/url", "cards.example", "url"),
    ("telemetry/logLevel", "verbose", "logLevel"),
    ("telemetry/logLevel", "info,", "logLevel"),
    ("telemetry/sampler", "always", "sampler"),
    ("telemetry/samplerArg", "2", "samplerArg"),
    ("setup/mode", "post-install", "mode"),
    ("setup/replicas", 2, "replicas"),
    ("setup/maxAge", "7", "maxAge"),
    ("networkPolicy/enable", True, "enable"),
    ("networkPolicy/natsTo", [], "natsTo"),
    ("networkPolicy/apiFrom", [{"podSelektor": {}}], "podSelektor"),
    ("monitoring/podMonitor/labels", {"a": 1}, "labels"),
    ("test/timeout", 31, "timeout"),
    ("extraObjects", [{"kind": "ConfigMap"}], "apiVersion"),
]

#: Values that fit the schema, and cannot be meant all the same.
CONTRADICTIONS = [
    ({}, "gateway.url is empty"),
    (
        nested("services/order-service/terminationGracePeriodSeconds", 44),
        "order-service: terminationGracePeriodSeconds 44",
    ),
    (nested("defaults/terminationGracePeriodSeconds", 39), "terminationGracePeriodSeconds 39"),
    (nested("services/payment-service/drainTimeout", 10), "GATEWAY_TIMEOUT"),
    (nested("services/payment-service/settings/GATEWAY_TIMEOUT", 25), "GATEWAY_TIMEOUT"),
    (nested("services/order-service/pdb", {"minAvailable": 0, "maxUnavailable": 1}), "exclude each other"),
    (nested("services/payment-service/autoscaling", {"minReplicas": 3, "maxReplicas": 2}), "minReplicas"),
    (nested("services/payment-service/autoscaling/kind", "keda"), "monitoringEndpoint"),
    (nested("defaults/autoscaling/kind", "hpa"), "autoscaling is for"),
    (nested("services/audit-service/persistence/enabled", False), "has to outlive"),
    (nested("nats/tls/enabled", True), "nothing asks for TLS"),
    (nested("nats/tls/caSecret", "nats-ca"), "without nats.tls.enabled=true"),
    (nested("nats/auth/existingSecret", "nats"), "has to contain {user}"),
    (nested("nats/tls/first", True), "without nats.tls.enabled=true"),
    (nested("nats/url", "nats://a:4222,nats://b:4333"), "nats.url: the network policies let through port 4222 only, not 4333"),
    (nested("gateway/url", "https://cards.example:8443/v1"), "say networkPolicy.gatewayPort=8443"),
    (nested("gateway/url", "http://cards.example"), "say networkPolicy.gatewayPort=80"),
    (nested("telemetry/otlpEndpoint", "http://collector:4319"), "say networkPolicy.otlpPort=4319"),
]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(("path", "value", "named"), TYPOS, ids=[path for path, _, _ in TYPOS])
def test_a_typo_is_refused_and_named(path, value, named, helm):
    with pytest.raises(Refused, match=re.escape(named)):
        HELMS[helm](merged(GATEWAY, nested(path, value)))


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(("values", "said"), CONTRADICTIONS, ids=[said for _, said in CONTRADICTIONS])
def test_a_contradiction_is_refused_and_explained(values, said, helm):
    with pytest.raises(Refused, match=re.escape(said)):
        HELMS[helm](merged(GATEWAY if values else {}, values))


def test_what_is_just_enough_is_taken():
    """The neighbours of what is refused above; `defaults` renders, so the refusals are about what was changed."""
    assert rendered("defaults")
    for values in (
        nested("services/order-service/terminationGracePeriodSeconds", 45),
        nested("services/payment-service/settings/GATEWAY_TIMEOUT", 24),
        nested("services/payment-service/autoscaling", {"minReplicas": 3, "maxReplicas": 3}),
        nested("services/order-service/pdb/minAvailable", "50%"),
        nested("nats", {"url": "tls://nats:4222", "tls": {"enabled": True}}),
        nested("nats/url", "nats://nats"),
        nested("nats/auth", {"existingSecret": "nats", "key": "{user}.password"}),
        nested("gateway/url", "https://cards.example/v1?a=b:1"),
        {"gateway": {"url": "http://cards.shop.svc:8080"}, "networkPolicy": {"gatewayPort": 8080}},
        {"gateway": {"url": "http://cards.shop.svc:8080"}, "networkPolicy": {"enabled": False}},
        {"quickstart": True, "nats": {"url": "nats://mine:4333", "tls": {"first": True}}},
        {"image": {"repository": "localhost:5000/a-b/c__d"}, "global": {"imageRegistry": "registry.example:5000"}},
        nested("telemetry/logLevel", "WARN,messaging=debug,[span]=trace"),
    ):
        HELMS["helm3"](merged(GATEWAY, values))


def schema():
    return json.loads((CHART / "values.schema.json").read_text())


def blocks(part, path=""):
    """Every part of the schema that has properties of its own, with the path to it."""
    if isinstance(part, dict):
        if "properties" in part:
            yield path, part
        for key, value in part.items():
            yield from blocks(value, f"{path}/{key}")


def test_every_block_of_the_schema_is_closed():
    """What narrows a closed block (allOf, if, then, and what is beside an allOf) need not be closed itself."""
    closed = {path for path, block in blocks(schema()) if block.get("additionalProperties") is False}
    narrowing = re.compile(r"/(notScaled|noneOfItsOwn|keepsNothing|notOutside|always)\b|/(if|then)\b")
    for path, block in blocks(schema()):
        narrows = narrowing.search(path) or "allOf" in block
        assert path in closed or narrows, path
    assert len(closed) > 30


def documented():
    rows = re.findall(r"^\| `([^`]+)` \|", (CHART / "README.md").read_text(), re.MULTILINE)
    return set(rows)


def leaves(part, definitions, path=()):
    """Every value that can be said, by path; maps and lists of the user's own are one value."""
    if not isinstance(part, dict):
        return
    parts = [part, *part.get("allOf", [])]
    parts = [definitions[piece["$ref"].rsplit("/", 1)[1]] if "$ref" in piece else piece for piece in parts]
    properties = [(key, value) for piece in parts for key, value in piece.get("properties", {}).items()]
    banned = {key for key, value in properties if value is False}
    if not properties or path[-1:] == ("settings",):
        yield ".".join(path)
        return
    for key, value in properties:
        if key not in banned:
            yield from leaves(value, definitions, (*path, key))


def untold(known):
    """What can be said and is not in the table, neither itself nor as part of something smaller than a service."""
    whole = schema()
    defaults = {
        path.removeprefix("defaults.")
        for path in leaves(whole["properties"]["defaults"], whole["definitions"], ("defaults",))
    }
    for path in leaves(whole, whole["definitions"]):
        component = re.match(r"(services\.[^.]+|gatewaySim|defaults)\.", path)
        # What `defaults` explains is not explained again for each service.
        if component and component[1] != "defaults" and path.removeprefix(component[0]) in defaults:
            continue
        least = component.end() if component else path.find(".") + 1
        wholes = [path[: dot.start()] for dot in re.finditer(r"\.", path) if dot.start() >= least]
        if not known & {path, *wholes}:
            yield path


def test_everything_that_can_be_said_is_in_the_table():
    assert not set(untold(documented()))
    for row in (
        "nats.url",
        "defaults.pdb.minAvailable",
        "services.order-service.database.key",
        "setup.maxAge",
        "command.resources",
    ):
        assert any(path.startswith(row) for path in untold(documented() - {row})), row


def test_the_table_is_made_of_the_comments():
    subprocess.run([sys.executable, DEPLOYMENTS / "helm" / "values_table.py", "--check"], check=True)


def test_a_changed_comment_would_be_seen(monkeypatch):
    monkeypatch.syspath_prepend(DEPLOYMENTS / "helm")
    import values_table

    values = (CHART / "values.yaml").read_text()
    assert values_table.table(values) != values_table.table(values.replace("replicas: 2", "replicas: 3"))
    assert values_table.table(values) != values_table.table(values.replace("# Pods at most.", "# Pods at the most."))
