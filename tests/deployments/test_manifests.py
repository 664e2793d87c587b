"""The plain manifests are what the chart makes, and what kustomize makes of them is what Helm installs."""

import copy
import os
import subprocess
import sys

import pytest
import yaml
from tools import DEPLOYMENTS, HELM3, helm3, identity, kustomized

K8S = DEPLOYMENTS / "k8s"
sys.path.insert(0, str(K8S))
import generate  # noqa: E402

OVERLAYS = ("quickstart", "production")


def test_they_are_up_to_date():
    command = [sys.executable, K8S / "generate.py", "--check"]
    done = subprocess.run(command, env=os.environ | {"HELM": str(HELM3)}, capture_output=True, text=True)
    assert done.returncode == 0, f"run deployments/k8s/generate.py: {done.stdout}{done.stderr}"


def test_a_changed_value_would_be_seen(monkeypatch):
    monkeypatch.setenv("HELM", str(HELM3))
    real = generate.helm_template
    monkeypatch.setattr(generate, "helm_template", lambda overlay: real(overlay).replace('value: "25"', 'value: "26"'))
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    assert generate.main() == 1


@pytest.mark.parametrize(("helm", "told"), [("no-such-helm", "HELM may say where"), ("false", "Helm refuses values/")])
def test_a_helm_that_does_not_help_is_told_in_a_line(helm, told):
    command = [sys.executable, K8S / "generate.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HELM": helm})
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr


def plain(thing):
    """Without the marks of Helm and the namespace, and with lists that are maps as maps: kustomize orders them anew."""
    thing = copy.deepcopy(thing)
    thing["metadata"].pop("namespace", None)
    for part in (thing["metadata"], thing.get("spec", {}).get("template", {}).get("metadata", {})):
        for mark in ("app.kubernetes.io/managed-by", "helm.sh/chart"):
            part.get("labels", {}).pop(mark, None)
    return unordered(thing)


def unordered(part, key=""):
    if isinstance(part, dict):
        return {name: unordered(value, name) for name, value in part.items()}
    if isinstance(part, list):
        parts = [unordered(item) for item in part]
        return {item[generate.MERGE_KEYS[key]]: item for item in parts} if key in generate.MERGE_KEYS else parts
    return part


def by_helm(overlay):
    values = yaml.safe_load((K8S / "values" / f"{overlay}.yaml").read_text())
    things = [
        t
        for t in helm3(values)
        if not any(mark.startswith("helm.sh/hook") for mark in t["metadata"].get("annotations", {}))
    ]
    return {identity(t): plain(t) for t in things if t["metadata"]["labels"]["app.kubernetes.io/component"] != "test"}


def by_kustomize(overlay):
    """Without the namespace itself, and the three servers of production, which are not the chart's."""
    servers = {identity(t) for t in kustomized("k8s/nats")} if overlay == "production" else set()
    things = [
        t for t in kustomized(f"k8s/overlays/{overlay}") if t["kind"] != "Namespace" and identity(t) not in servers
    ]
    return {identity(t): plain(t) for t in things}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_what_helm_installs(overlay):
    assert by_kustomize(overlay) == by_helm(overlay)


def test_another_overlay_is_something_else():
    assert by_kustomize("quickstart") != by_helm("production")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_in_one_restricted_namespace(overlay):
    things = kustomized(f"k8s/overlays/{overlay}")
    (namespace,) = (t for t in things if t["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {t["metadata"].get("namespace") for t in things if t is not namespace} == {namespace["metadata"]["name"]}
    assert not [t for t in things if t["kind"] == "Secret"], "no secret is ever in a manifest"


def test_production_has_three_servers_and_credentials():
    things = {identity(t): t for t in kustomized("k8s/overlays/production")}
    assert things["apps/v1", "StatefulSet", "nats"]["spec"]["replicas"] == 3
    assert ("apps/v1", "StatefulSet", "gateway-sim") not in things
    for key, thing in things.items():
        if key[1] in ("Deployment", "StatefulSet", "Job") and key[2] != "nats":
            names = {item["name"] for item in thing["spec"]["template"]["spec"]["containers"][0]["env"]}
            assert {"NATS_USER", "NATS_PASSWORD_FILE"} <= names, key


PATCHES = [
    ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
    ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {"y": 2}}),
    (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "A", "value": "2"}]},
        {"env": [{"name": "A", "value": "2"}]},
    ),
    ({"env": [{"name": "A"}, {"name": "B"}]}, {"env": [{"name": "B"}]}, {"env": [{"name": "A", "$patch": "delete"}]}),
    ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
    ({"a": 1}, {"a": 1}, None),
]


@pytest.mark.parametrize(("old", "new", "change"), PATCHES)
def test_a_patch_is_the_difference(old, new, change):
    assert generate.patch(old, new) == change
