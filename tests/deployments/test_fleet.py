"""What the chart renders is a fleet that works, in a quickstart and with credentials.

Its containers run here as processes, with the very environment and arguments that they would get in a cluster, and then
what `helm test` runs. Only names of hosts and of files are replaced, and three brokers are one.

Needs the binaries: cargo build --workspace --bins. Without them it says SKIPPED.
"""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from pods import OURS, pod, workloads
from tools import BIN, DEPLOYMENTS, ROOT, rendered

BINARIES = ROOT / "target" / "debug"
#: Everything here is expected within seconds; a machine under load may take longer.
PATIENCE = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def eventually(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"in vain waited for {what}"
        time.sleep(0.1)


def status(port, path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


class Fleet:
    """The first pod of every workload, as a process."""

    def __init__(self, things, folder):
        self.folder = folder
        self.pods = {w["metadata"]["name"].removeprefix("orderfleet-"): pod(w) for w in workloads(things)}
        self.configs = next((t["data"] for t in things if t["kind"] == "ConfigMap" and "nats.conf" in t["data"]), None)
        self.services = [name for name in OURS if name in self.pods]
        self.ports = {name: free_port() for name in (*OURS, "nats", "monitor")}
        self.processes = {}

    def local(self, text, name):
        """The same with the addresses and folders of this machine."""
        for host, port in self.ports.items():
            text = text.replace(f"//{host}:8080", f"//127.0.0.1:{port}").replace(
                f"//{host}:4222", f"//127.0.0.1:{port}"
            )
        text = text.replace("/data", str(self.folder / name)).replace(
            "/etc/orderfleet/nats", f"{self.folder}/{name}/secrets"
        )
        return text.replace("0.0.0.0:8080", f"127.0.0.1:{self.ports.get(name, 0)}")

    def environment(self, container, name):
        env = {}
        for item in container.get("env", []):
            by_field = item.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            assert by_field in (None, "metadata.name")
            env[item["name"]] = f"{container['name']}-0" if by_field else self.local(item["value"], name)
        return env

    def start_nats(self):
        """The quickstart's broker, or else a single one with the users of production."""
        configs = self.configs or {n: (DEPLOYMENTS / "nats" / n).read_text() for n in ("single.conf", "accounts.conf")}
        for name, text in configs.items():
            text = text.replace("0.0.0.0:4222", f"127.0.0.1:{self.ports['nats']}").replace(
                "/data", f"{self.folder}/nats"
            )
            (self.folder / name).write_text(text.replace("0.0.0.0:8222", f"127.0.0.1:{self.ports['monitor']}"))
        env = {"POD_NAME": "nats-0"} | {name: self.password(name) for name in passwords(configs)}
        self.start("nats", [BIN / "nats-server", "--config", self.folder / next(iter(configs))], env)
        eventually("the broker", lambda: status(self.ports["monitor"], "/healthz?js-server-only=true") == 200)

    def password(self, variable):
        return f"p{variable.removesuffix('_PASSWORD').lower().replace('_', '')}"

    def mount_secrets(self, name):
        """The files of a pod's Secrets, as the kubelet would put them there."""
        folder = self.folder / name / "secrets"
        folder.mkdir(parents=True)
        for volume in self.pods[name].get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                user = source["secret"]["name"].removesuffix("-nats")
                for item in source["secret"]["items"]:
                    (folder / item["path"]).write_text(self.password(user.replace("-", "_")) + "\n")

    def start_service(self, name):
        (container,) = self.pods[name]["containers"]
        assert "args" not in container and "command" not in container, "the image's entry point is the program"
        self.mount_secrets(name)
        self.start(name, [BINARIES / name], self.environment(container, name))

    def await_ok(self, name, path):
        eventually(f"{path} of {name}", lambda: status(self.ports[name], path) == 200)

    def start(self, name, command, env):
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes[name] = subprocess.Popen(command, env=env, cwd=self.folder, stdout=log, stderr=log)

    def run(self, container, name, **replaced):
        """A command that ends: its exit code, and what it said."""
        args = [replaced.get(word, word) for word in container["args"]]
        env = {"HOME": str(self.folder)} | self.environment(container, name)
        done = subprocess.run(
            [BINARIES / "orderfleet", *args], env=env, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """SIGTERM to all at once, the broker last; how each of ours ended."""
        codes = {}
        for name in [name for name in self.processes if name != "nats"]:
            self.processes[name].send_signal(signal.SIGTERM)
        for name, process in self.processes.items():
            if name == "nats":
                continue
            try:
                codes[name] = process.wait(self.pods[name]["terminationGracePeriodSeconds"] + PATIENCE)
            except subprocess.TimeoutExpired:
                codes[name] = "killed"
        return codes

    def kill(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()


def passwords(configs):
    return {name for text in configs.values() for name in re.findall(r"\$(\w+_PASSWORD)", text)}


@pytest.fixture
def fleet(case, tmp_path):
    missing = [name for name in (*OURS, "orderfleet") if not os.access(BINARIES / name, os.X_OK)]
    if missing:
        pytest.skip(
            f"SKIPPED: no fleet was run, since {', '.join(missing)} are not built (cargo build --workspace --bins)"
        )
    fleet = Fleet(rendered(case), tmp_path)
    try:
        yield fleet
    finally:
        fleet.kill()


@pytest.mark.parametrize(
    ("case", "services", "outcome", "other"),
    [("quickstart", 6, "confirmed", "cancelled"), ("defaults", 5, "cancelled", "confirmed")],
)
def test_it_works(fleet, services, outcome, other):
    """One test, since each step needs the one before."""
    assert len(fleet.services) == services
    fleet.start_nats()
    for name in fleet.services:
        fleet.start_service(name)
    for name in fleet.services:
        fleet.await_ok(name, "/health")
    waiting = {name: status(fleet.ports[name], "/ready") for name in fleet.services if name != "gateway-sim"}
    assert set(waiting.values()) == {503}, f"before setup nobody is ready: {waiting}"

    (setup,) = (name for name in fleet.pods if name.startswith("setup"))
    fleet.mount_secrets(setup)
    code, said = fleet.run(fleet.pods[setup]["containers"][0], setup, **{"3": "1"})
    assert code == 0, said
    for name in fleet.services:
        fleet.await_ok(name, "/ready")

    test = fleet.pods["test"]
    for container in (*test.get("initContainers", []), *test["containers"]):
        code, said = fleet.run(container, "test")
        assert code == 0, said
    code, said = fleet.run(test["containers"][0], "test", **{outcome: other})
    assert code == 1 and f"expected was {other}" in said, "helm test could not fail"

    codes = fleet.stop()
    assert set(codes.values()) == {0}, codes
    refused = re.findall(r"user:.* Violation - .*", (fleet.folder / "nats.log").read_text())
    assert not refused, "permissions are too narrow: " + "; ".join(refused)
