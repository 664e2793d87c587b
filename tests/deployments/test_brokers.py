"""Three brokers as the manifests run them, asked what their probes ask."""

import json
import os
import re
import subprocess
import urllib.request

import pytest
import yaml
from test_fleet import BINARIES, eventually, free_port, status
from tools import BIN, DEPLOYMENTS, kustomized

NATS = DEPLOYMENTS / "nats"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def plain():
    (server,) = (t for t in kustomized("k8s/nats") if t["kind"] == "StatefulSet")
    return server["spec"]


def official():
    return yaml.safe_load((NATS / "values.yaml").read_text())


def paths():
    """What each description of three servers has asked of them; what the official chart asks unless told otherwise."""
    (container,) = plain()["template"]["spec"]["containers"]
    usual = {"livenessProbe": "/healthz?js-enabled-only=true", "readinessProbe": "/healthz?js-server-only=true"}
    for where, probes in (("k8s", container), ("official chart", official()["container"]["merge"])):
        yield where, usual | {name: probes[name]["httpGet"]["path"] for name in PROBES if name in probes}


class Cluster:
    """The servers, each a process with the configuration of all."""

    def __init__(self, folder):
        self.folder = folder
        self.ports = [{port: free_port() for port in (4222, 6222, 8222)} for _ in range(3)]
        self.processes = []

    def start(self, number):
        folder = self.folder / str(number)
        folder.mkdir()
        text = (NATS / "nats.conf").read_text().replace("/data", str(folder / "data"))
        for port, free in self.ports[number].items():
            text = text.replace(f"0.0.0.0:{port}", f"127.0.0.1:{free}")
        (folder / "nats.conf").write_text(text)
        (folder / "accounts.conf").write_text((NATS / "accounts.conf").read_text())
        routes = ", ".join(f"nats://cluster:development@127.0.0.1:{ports[6222]}" for ports in self.ports)
        env = {"SERVER_NAME": f"nats-{number}", "CLUSTER_ROUTES": f"[{routes}]", "CLUSTER_PASSWORD": "development"}
        env |= {name: "development" for name in re.findall(r"\$(\w+_PASSWORD)", (NATS / "accounts.conf").read_text())}
        with open(folder / "log", "wb") as log:
            command = [BIN / "nats-server", "--config", folder / "nats.conf"]
            self.processes.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))

    def set_up(self, patience):
        """`orderfleet setup` as the Job runs it, on its way."""
        program = BINARIES / "orderfleet"
        if not os.access(program, os.X_OK):
            pytest.skip("SKIPPED: no brokers were set up, since orderfleet is not built (cargo build --workspace --bins)")
        urls = ",".join(f"nats://127.0.0.1:{ports[4222]}" for ports in self.ports)
        command = [program, "setup", "--replicas", "3", "--max-bytes", "64MiB", "--patience", patience]
        env = {"NATS_URL": urls, "NATS_USER": "setup", "NATS_PASSWORD": "development", "HOME": str(self.folder)}
        with open(self.folder / "setup.log", "wb") as log:
            self.processes.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        return self.processes[-1]

    def said(self):
        return (self.folder / "setup.log").read_text()

    def passes(self, number, path):
        return status(self.ports[number][8222], path) == 200

    def leader(self, number):
        """Who leads JetStream, as far as this server knows."""
        url = f"http://127.0.0.1:{self.ports[number][8222]}/jsz"
        return json.load(urllib.request.urlopen(url, timeout=5))["meta_cluster"].get("leader")

    def kill(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        cluster.kill()


@pytest.mark.parametrize(("where", "path"), list(paths()), ids=[where for where, _ in paths()])
def test_a_server_without_the_others_is_well_and_not_ready(cluster, where, path):
    """It waits, so it must not be killed; nobody gets anything from it, so nothing may begin and no other may end."""
    cluster.start(0)
    eventually("the start of the first", lambda: cluster.passes(0, path["startupProbe"]))
    assert cluster.passes(0, path["livenessProbe"])
    assert not cluster.leader(0)
    assert not cluster.passes(0, path["readinessProbe"]), "it counts as ready, and a rollout goes on to the next"
    for number in (1, 2):
        cluster.start(number)
    for number in range(3):
        eventually(f"server {number}", lambda number=number: cluster.passes(number, path["readinessProbe"]))
        assert cluster.leader(number)
    for process in cluster.processes[1:]:
        process.kill()
    eventually("the loss to be seen", lambda: not cluster.passes(0, path["readinessProbe"]))
    assert cluster.passes(0, path["livenessProbe"]), "the others are away, and that is not its fault"


def test_setup_waits_for_servers_that_are_only_starting(cluster):
    """They let it in long before they can do what it asks for."""
    cluster.start(0)
    eventually("the start of the first", lambda: cluster.passes(0, "/healthz?js-server-only=true"))
    setup = cluster.set_up("60s")
    eventually("setup to tell what it waits for", lambda: "is not ready, trying again: stream REQUESTS" in cluster.said())
    assert setup.poll() is None, cluster.said()
    for number in (1, 2):
        cluster.start(number)
    assert setup.wait(60) == 0, cluster.said()
    assert "The broker is set up; " in cluster.said() and "stream REQUESTS                         created" in cluster.said()


def test_setup_does_not_wait_for_ever(cluster):
    cluster.start(0)
    eventually("the start of the first", lambda: cluster.passes(0, "/healthz?js-server-only=true"))
    assert cluster.set_up("6s").wait(60) == 1, cluster.said()
    assert re.search(r"error: the broker at .* is not ready \(tried for 6 s\)", cluster.said()), cluster.said()


def test_a_server_that_comes_back_has_time_to_catch_up():
    """It is ready before its streams have what they missed; the next one must not go before."""
    assert plain()["minReadySeconds"] >= 30
    assert official()["statefulSet"]["merge"]["spec"]["minReadySeconds"] >= 30
