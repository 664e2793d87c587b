"""Every object is one that Kubernetes takes, in each of its versions from the oldest that the chart is for."""

import copy
import functools
import json
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cases import CASES
from tools import CHART, TOOLS, identity, kustomized, rendered, run

VERSIONS = ("1.30", "1.32", "1.35", "1.37")
HERE = Path(__file__).parent
KNOWN_FIELDS = yaml.safe_load((HERE / "known_fields.yaml").read_text())
VALIDATORS = {kind: jsonschema.Draft7Validator(schema) for kind, schema in KNOWN_FIELDS.items()}
NO_FIELDS = jsonschema.Draft7Validator(False)
MANIFESTS = ("k8s/overlays/quickstart", "k8s/overlays/production", "k8s/nats")


@functools.cache
def distinct(custom):
    """Every object once, custom resources or the others."""
    found = {}
    for things in [*map(rendered, CASES), *map(kustomized, MANIFESTS)]:
        for thing in things:
            if (thing["kind"] in KNOWN_FIELDS) == custom:
                found[json.dumps(thing, sort_keys=True)] = thing
    return list(found.values())


def complaints_of_kubernetes(thing, version):
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{version} {identity(thing)}: {error.message}"


def complaints_of_types(things):
    """What the authors of the custom resources, and the list of known fields, have against each: a list of lists."""
    node = ["node", "--input-type=module", "--eval", (HERE / "crds.mjs").read_text()]
    by_type = json.loads(run("env", "-C", TOOLS / "npm", *node, stdin=json.dumps(things)))
    found = []
    for thing, complaint in zip(things, by_type, strict=True):
        errors = VALIDATORS.get(thing["kind"], NO_FIELDS).iter_errors(thing)
        found.append([f"{identity(thing)}: {text}" for text in [complaint, *(e.message for e in errors)] if text])
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(version):
    things = distinct(custom=False)
    assert len(things) > 100
    assert not [complaint for thing in things for complaint in complaints_of_kubernetes(thing, version)]


def test_the_oldest_version_is_the_chart_s():
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"] == f">={VERSIONS[0]}.0-0"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "mutate",
    [
        lambda spec: spec.update(serviceAcountName="typo"),
        lambda spec: spec.update(terminationGracePeriodSeconds="45"),
        lambda spec: spec["containers"][0]["livenessProbe"].update(httpGet={"path": "/health"}),
        lambda spec: spec["containers"][0]["env"].append({"value": "nameless"}),
    ],
)
def test_kubernetes_would_refuse_it_broken(version, mutate):
    (order,) = (
        t for t in rendered("defaults") if t["kind"] == "StatefulSet" and t["metadata"]["name"] == "order-service"
    )
    broken = copy.deepcopy(order)
    mutate(broken["spec"]["template"]["spec"])
    assert list(complaints_of_kubernetes(broken, version))


def test_custom_resources_are_what_their_authors_take():
    things = distinct(custom=True)
    assert {thing["kind"] for thing in things} == set(KNOWN_FIELDS)
    assert not sum(complaints_of_types(things), [])


def test_their_authors_would_refuse_them_broken():
    """One call for all: what takes time is to load the types."""
    broken = []
    for kind, mutate in [
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(lagThreshold=1000)),
        ("ScaledObject", lambda spec: spec["triggers"][0]["metadata"].update(lagTreshold="1000")),
        ("ScaledObject", lambda spec: spec.update(minReplicas=2)),
        ("ScaledObject", lambda spec: spec.pop("scaleTargetRef")),
        ("PodMonitor", lambda spec: spec["podMetricsEndpoints"][0].update(port=8080)),
        ("PodMonitor", lambda spec: spec["podMetricsEndpoints"][0].update(pathh="/metrics")),
        ("PrometheusRule", lambda spec: spec["groups"][0]["rules"][0].pop("expr")),
        ("PrometheusRule", lambda spec: spec["groups"][0]["rules"][0].update(severity="page")),
    ]:
        broken.append(copy.deepcopy(next(thing for thing in distinct(custom=True) if thing["kind"] == kind)))
        mutate(broken[-1]["spec"])
    stranger = {"apiVersion": "example.com/v1", "kind": "Stranger", "metadata": {"name": "x"}}
    assert all(complaints_of_types([*broken, stranger]))


def test_every_kind_is_known_to_kubernetes_or_to_them():
    """An unknown kind would pass unseen."""
    stranger = {"apiVersion": "example.com/v1", "kind": "Stranger", "metadata": {"name": "x"}}
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        list(complaints_of_kubernetes(stranger, VERSIONS[0]))
