"""The programs and libraries that the tests use; one that is missing fails the test that needs it."""

import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENTS = ROOT / "deployments"
CHART = DEPLOYMENTS / "helm" / "orderfleet"
TOOLS = ROOT / "target" / "deployments"
BIN = TOOLS / "venv" / "bin"
HELM3 = TOOLS / "npm" / "node_modules" / ".bin" / "helm"
RELEASE = NAMESPACE = "orderfleet"


class Refused(Exception):
    """Helm does not render this."""


def run(*command, stdin=None, env=None):
    """Standard output of a program, which has to succeed; else both outputs are in the error."""
    done = subprocess.run([str(word) for word in command], input=stdin, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(f"{command[0]} exits {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


#: That of C is ten times as fast as that of Python, and comes with every wheel.
LOADER = yaml.CSafeLoader


def documents(text):
    return [thing for thing in yaml.load_all(text, LOADER) if thing]


def helm3(values, lint=False):
    """The chart as the Helm 3 program renders it, hooks and tests included."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump(values, file)
        file.flush()
        # This Helm takes a cluster for one of 1.20 unless told otherwise, and cannot be told when it lints.
        if lint:
            return run(HELM3, "lint", "--strict", CHART, "--values", file.name)
        text = run(
            HELM3,
            "template",
            RELEASE,
            CHART,
            "--namespace",
            NAMESPACE,
            "--kube-version",
            "1.34.0",
            "--values",
            file.name,
        )
    return documents(text)


def helm4(values, lint=False):
    """The chart as Helm 4 renders it."""
    try:
        if lint:
            report = helm_python.lint(CHART, values, strict=True, kube_version="v1.34.0")
            if problems := report["errors"] + [m for m in report["messages"] if m["severity"] > 1]:
                raise Refused(str(problems))
            return report
        with helm_python.Chart.load(CHART) as chart:
            chart.validate_schema(values)
            rendered = chart.render(values, name=RELEASE, namespace=NAMESPACE)
    except helm_python.HelmError as error:
        raise Refused(str(error)) from error
    return [thing for name, text in rendered.items() if name.endswith(".yaml") for thing in documents(text)]


def notes(values):
    """What Helm tells whoever has installed the chart."""
    with helm_python.Chart.load(CHART) as chart:
        return chart.render(values, name=RELEASE, namespace=NAMESPACE)["orderfleet/templates/NOTES.txt"]


HELMS = {"helm3": helm3, "helm4": helm4}


def identity(thing):
    return thing["apiVersion"], thing["kind"], thing["metadata"]["name"]


@functools.cache
def rendered(name):
    """The objects of one of the combinations of values."""
    from cases import CASES

    return helm3(CASES[name])


@functools.cache
def kustomized(folder):
    """The objects of a folder of plain manifests, as kubectl would send them."""
    return documents(run(BIN / "kubectl", "kustomize", DEPLOYMENTS / folder))


def nats_accepts(folder, config):
    """Lets nats-server check a configuration, with a made-up password for every variable that it may name."""
    names = ["ORDER_SERVICE", "INVENTORY_SERVICE", "PAYMENT_SERVICE", "NOTIFICATION_SERVICE", "AUDIT_SERVICE"]
    env = {f"{name}_PASSWORD": "a1b2c3" for name in [*names, "SETUP", "OPERATOR", "SYS", "CLUSTER"]}
    env |= {"POD_NAME": "nats-0", "SERVER_NAME": "nats-0", "PATH": os.environ["PATH"]}
    env["CLUSTER_ROUTES"] = (
        "[nats://cluster:a1b2c3@nats-0.nats-headless:6222, nats://cluster:a1b2c3@nats-1.nats-headless:6222]"
    )
    return run(BIN / "nats-server", "-t", "-c", Path(folder) / config, env=env)
