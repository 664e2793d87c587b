"""What a quickstart renders is a fleet that works.

Its containers run here as processes, with the very environment and arguments that they would get in a cluster, and then
what `helm test` runs. Only names of hosts and of files are replaced.

Needs the binaries: cargo build --bins. Without them it says SKIPPED.
"""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from pods import OURS, pod, workloads
from tools import BIN, ROOT, rendered

BINARIES = ROOT / "target" / "debug"
#: Everything here is expected within seconds; a machine under load may take longer.
PATIENCE = 120


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
        self.config = next(t for t in things if t["kind"] == "ConfigMap" and "nats.conf" in t["data"])["data"][
            "nats.conf"
        ]
        self.ports = {name: free_port() for name in (*OURS, "nats", "monitor")}
        self.processes = {}

    def local(self, text, name):
        """The same with the addresses and folders of this machine."""
        for host, port in self.ports.items():
            text = text.replace(f"//{host}:8080", f"//127.0.0.1:{port}").replace(
                f"//{host}:4222", f"//127.0.0.1:{port}"
            )
        return text.replace("/data", str(self.folder / name)).replace(
            "0.0.0.0:8080", f"127.0.0.1:{self.ports.get(name, 0)}"
        )

    def environment(self, container):
        env = {}
        for item in container.get("env", []):
            by_field = item.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            assert by_field in (None, "metadata.name")
            env[item["name"]] = f"{container['name']}-0" if by_field else self.local(item["value"], container["name"])
        return env

    def start_nats(self):
        (container,) = self.pods["nats"]["containers"]
        text = self.config.replace("0.0.0.0:4222", f"127.0.0.1:{self.ports['nats']}")
        text = text.replace("0.0.0.0:8222", f"127.0.0.1:{self.ports['monitor']}").replace(
            '"/data"', f'"{self.folder}/nats"'
        )
        file = self.folder / "nats.conf"
        file.write_text(text)
        assert container["args"] == ["--config", "/etc/nats/nats.conf"]
        self.start("nats", [BIN / "nats-server", "--config", file], self.environment(container))
        eventually(
            "the broker", lambda: status(self.ports["monitor"], container["readinessProbe"]["httpGet"]["path"]) == 200
        )

    def start_service(self, name):
        (container,) = self.pods[name]["containers"]
        assert "args" not in container and "command" not in container, "the image's entry point is the program"
        (self.folder / name).mkdir()
        self.start(name, [BINARIES / name], self.environment(container))

    def await_ok(self, name, path):
        eventually(f"{path} of {name}", lambda: status(self.ports[name], path) == 200)

    def start(self, name, command, env):
        with open(self.folder / f"{name}.log", "wb") as log:
            self.processes[name] = subprocess.Popen(command, env=env, cwd=self.folder, stdout=log, stderr=log)

    def run(self, container, **replaced):
        """A command that ends: its exit code, and what it said."""
        args = [replaced.get(word, word) for word in container["args"]]
        env = {"HOME": str(self.folder)} | self.environment(container)
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


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    missing = [name for name in (*OURS, "orderfleet") if not os.access(BINARIES / name, os.X_OK)]
    if missing:
        pytest.skip(
            f"SKIPPED: the quickstart was not run, since {', '.join(missing)} are not built (cargo build --bins)"
        )
    fleet = Fleet(rendered("quickstart"), tmp_path_factory.mktemp("fleet"))
    try:
        yield fleet
    finally:
        fleet.kill()


def test_a_quickstart_works(fleet):
    """One test, since each step needs the one before."""
    fleet.start_nats()
    for name in OURS:
        fleet.start_service(name)
    for name in OURS:
        fleet.await_ok(name, "/health")
    waiting = {name: status(fleet.ports[name], "/ready") for name in OURS if name != "gateway-sim"}
    assert set(waiting.values()) == {503}, f"before setup nobody is ready: {waiting}"

    (setup,) = (spec for name, spec in fleet.pods.items() if name.startswith("setup"))
    code, said = fleet.run(setup["containers"][0])
    assert code == 0, said
    for name in OURS:
        fleet.await_ok(name, "/ready")

    (stock,), (order,) = fleet.pods["test"]["initContainers"], fleet.pods["test"]["containers"]
    for container in (stock, order):
        code, said = fleet.run(container)
        assert code == 0, said
    code, said = fleet.run(order, confirmed="cancelled")
    assert code == 1 and "expected was cancelled" in said, "helm test could not fail"

    codes = fleet.stop()
    assert set(codes.values()) == {0}, codes
