"""The brokers' configurations are what a real nats-server takes, and mean what they have to."""

import re

import pytest
import yaml
from tools import DEPLOYMENTS, Refused, identity, kustomized, nats_accepts, rendered

NATS = DEPLOYMENTS / "nats"


def config_maps():
    """Every configuration in a ConfigMap: of the quickstart, by Helm and without, and of the three servers."""
    for where, things in [
        ("quickstart", rendered("quickstart")),
        ("k8s quickstart", kustomized("k8s/overlays/quickstart")),
        ("k8s production", kustomized("k8s/overlays/production")),
    ]:
        for thing in things:
            if thing["kind"] == "ConfigMap" and "nats.conf" in thing["data"]:
                yield where, thing["data"]


WHERE = ["quickstart", "k8s quickstart", "k8s production"]


def test_each_has_one():
    assert [where for where, _ in config_maps()] == WHERE


@pytest.mark.parametrize(("where", "data"), list(config_maps()), ids=WHERE)
def test_nats_server_takes_it(where, data, tmp_path):
    for name, text in data.items():
        (tmp_path / name).write_text(text)
    nats_accepts(tmp_path, "nats.conf")


@pytest.mark.parametrize("config", ["nats.conf", "single.conf"])
def test_nats_server_takes_the_files(config):
    nats_accepts(NATS, config)


@pytest.mark.parametrize(
    "broken",
    ["jetstream { sync_intervall: always }", "jetstream { sync_interval: allways }", "accounts { A { users: [ "],
)
def test_nats_server_would_refuse_it_broken(broken, tmp_path):
    (tmp_path / "nats.conf").write_text(broken)
    with pytest.raises(Refused):
        nats_accepts(tmp_path, "nats.conf")


@pytest.mark.parametrize(("where", "data"), list(config_maps()), ids=WHERE)
def test_what_is_acknowledged_is_on_the_disk(where, data):
    assert re.search(r"^\s*sync_interval: always$", data["nats.conf"], re.MULTILINE)


def official():
    return yaml.safe_load((NATS / "values.yaml").read_text())


def test_the_official_chart_is_told_the_same():
    """It is no part of these tests; its values have to agree with nats.conf, which is."""
    text = (NATS / "nats.conf").read_text()
    values = official()
    assert values["config"]["jetstream"]["merge"]["sync_interval"] == "always"
    assert values["config"]["cluster"] | {"merge": None} == {"enabled": True, "replicas": 3, "merge": None}
    assert values["config"]["merge"]["$include"] == "./accounts.conf"
    for key in (
        "max_payload",
        "max_connections",
        "max_subscriptions",
        "max_pending",
        "write_deadline",
        "ping_interval",
        "ping_max",
    ):
        value = str(values["config"]["merge"][key]).removeprefix("<< ").removesuffix(" >>")
        assert re.search(rf'^{key}: "?{value}"?$', text, re.MULTILINE), key


def passwords_of_accounts():
    return set(re.findall(r"\$(\w+_PASSWORD)", (NATS / "accounts.conf").read_text()))


def servers():
    """How each description of three servers gets the passwords: variable -> (Secret, key)."""
    (plain,) = (t for t in kustomized("k8s/nats") if t["kind"] == "StatefulSet")
    env = {item["name"]: item.get("valueFrom") for item in plain["spec"]["template"]["spec"]["containers"][0]["env"]}
    yield "k8s", env
    yield (
        "official chart",
        {name: value["valueFrom"] for name, value in official()["container"]["env"].items() if isinstance(value, dict)},
    )


@pytest.mark.parametrize(("where", "env"), list(servers()), ids=["k8s", "official chart"])
def test_servers_know_every_password_by_the_secret_that_the_service_mounts(where, env):
    assert passwords_of_accounts() | {"CLUSTER_PASSWORD"} == {name for name in env if name.endswith("_PASSWORD")}
    mounted = {}
    for thing in kustomized("k8s/overlays/production"):
        for volume in thing.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", []):
            for part in volume.get("projected", {}).get("sources", []):
                secret = part["secret"]
                mounted[secret["name"]] = secret["items"][0]["key"]
    for name in passwords_of_accounts() | {"CLUSTER_PASSWORD"}:
        user = name.removesuffix("_PASSWORD").lower().replace("_", "-")
        reference = env[name]["secretKeyRef"]
        assert reference == {"name": f"{user}-nats", "key": "password"}
        if user.endswith("-service") or user == "setup":
            assert mounted[f"{user}-nats"] == "password", f"{user} mounts another Secret than the server reads"


def test_users_are_those_of_accounts():
    users = set(re.findall(r'user: "([\w-]+)"', (NATS / "accounts.conf").read_text()))
    named = set()
    for thing in rendered("defaults"):
        for container in thing.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            named |= {item["value"] for item in container.get("env", []) if item["name"] == "NATS_USER"}
    assert named and named <= users


def test_keda_asks_for_consumers_that_there_are():
    """And for the account that they are in: with a wrong name it would scale to the most."""
    catalogue = (DEPLOYMENTS.parent / "crates/events/src/catalogue.rs").read_text()
    pairs = set(re.findall(r'stream: "(\w+)",\s*durable: "([\w-]+)"', catalogue))
    accounts = (NATS / "accounts.conf").read_text()
    triggers = [
        t["metadata"]
        for thing in rendered("keda-and-monitoring")
        if thing["kind"] == "ScaledObject"
        for t in thing["spec"]["triggers"]
    ]
    assert {(t["stream"], t["consumer"]) for t in triggers} == pairs
    assert all(re.search(rf"^  {t['account']} {{$", accounts, re.MULTILINE) for t in triggers)
    assert {t["lagThreshold"] for t in triggers} == {"2000000", "1000"}


def test_a_server_is_called_as_its_pod():
    """KEDA finds a consumer's leader at <server name>.<headless service>."""
    (plain,) = (t for t in kustomized("k8s/nats") if t["kind"] == "StatefulSet")
    env = {item["name"]: item for item in plain["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["SERVER_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert ("v1", "Service", plain["spec"]["serviceName"]) in {identity(t) for t in kustomized("k8s/nats")}
    routes = env["CLUSTER_ROUTES"]["value"]
    assert re.findall(r"@([\w.-]+):6222", routes) == [
        f"nats-{n}.nats-headless" for n in range(plain["spec"]["replicas"])
    ]
