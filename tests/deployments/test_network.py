"""Who reaches whom, as the network policies have it: everything that is needed, and nothing else."""

import copy
from ipaddress import ip_address, ip_network

import pytest
from cases import CASES
from pods import STAYING, labels, pod, workloads
from tools import kustomized, rendered

INTERNET = {"ip": "203.0.113.9"}
METADATA = {"ip": "169.254.169.254"}
DNS = {"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}
PROMETHEUS = {"namespace": "monitoring", "labels": {"app.kubernetes.io/name": "prometheus"}}
STRANGER = {"namespace": "elsewhere", "labels": {"app": "x"}}
NEIGHBOUR = {"namespace": "orderfleet", "labels": {"app": "x"}}
COLLECTOR = {"namespace": "telemetry", "labels": {"app": "collector"}}
BROKER = {"namespace": "nats", "labels": {"app.kubernetes.io/name": "nats"}}
WEBHOOK = {"ip": "198.51.100.7"}


class Net:
    """The policies of one namespace, asked about single flows."""

    def __init__(self, things):
        self.policies = [thing["spec"] for thing in things if thing["kind"] == "NetworkPolicy"]
        self.pods = {labels(w)["app.kubernetes.io/component"]: w for w in workloads(things)}

    def end(self, who):
        if isinstance(who, dict):
            return who
        return {"namespace": "orderfleet", "labels": labels(self.pods[who]), "pod": pod(self.pods[who])}

    def allows(self, source, target, port, protocol="TCP"):
        source, target = self.end(source), self.end(target)
        return self.one_way("Egress", source, target, port, protocol) and self.one_way(
            "Ingress", target, source, port, protocol, named=target
        )

    def one_way(self, direction, own, other, port, protocol, named=None):
        """Whether a pod's policies let this through; who has none is free."""
        if own.get("namespace") != "orderfleet":
            return True
        mine = [p for p in self.policies if direction in p["policyTypes"] and selects(p["podSelector"], own["labels"])]
        if not mine:
            return True
        rules = [rule for policy in mine for rule in policy.get(direction.lower(), [])]
        peers = "to" if direction == "Egress" else "from"
        return any(
            any(port_matches(p, port, protocol, named) for p in rule["ports"])
            and (peers not in rule or any(peer_matches(peer, other) for peer in rule[peers]))
            for rule in rules
        )


def selects(selector, own):
    return selector.get("matchLabels", {}).items() <= own.items()


def port_matches(allowed, port, protocol, named):
    if allowed.get("protocol", "TCP") != protocol:
        return False
    if isinstance(allowed["port"], int):
        return allowed["port"] == port
    ports = [p for c in named["pod"]["containers"] for p in c.get("ports", [])] if named else []
    return any(p["name"] == allowed["port"] and p["containerPort"] == port for p in ports)


def peer_matches(peer, other):
    if "ipBlock" in peer:
        if "ip" not in other:
            return False
        block = [peer["ipBlock"]["cidr"], *peer["ipBlock"].get("except", [])]
        inside, *outside = (ip_address(other["ip"]) in ip_network(cidr) for cidr in block)
        return inside and not any(outside)
    if "ip" in other:
        return False
    space = peer.get("namespaceSelector")
    same = (
        other["namespace"] == "orderfleet"
        if space is None
        else selects(space, {"kubernetes.io/metadata.name": other["namespace"]})
    )
    return same and selects(peer.get("podSelector", {}), other["labels"])


USERS = ("order-service", "inventory-service", "payment-service", "notification-service", "audit-service", "setup")
APIS = ("order-service", "inventory-service", "audit-service")
WORKERS = ("payment-service", "notification-service")

#: (case, source, target, port, whether it is allowed)
FLOWS = [
    *(("quickstart", who, "nats", 4222, True) for who in USERS),
    *(("quickstart", who, INTERNET, 443, False) for who in USERS),
    *(("quickstart", who, PROMETHEUS, 9090, False) for who in USERS),
    ("quickstart", "payment-service", "gateway-sim", 8080, True),
    *(("quickstart", who, "gateway-sim", 8080, False) for who in USERS if who != "payment-service"),
    ("quickstart", NEIGHBOUR, "nats", 4222, False),
    ("quickstart", STRANGER, "nats", 4222, False),
    ("quickstart", "order-service", "nats", 8222, False),
    ("quickstart", "nats", INTERNET, 443, False),
    ("quickstart", "gateway-sim", "nats", 4222, False),
    ("quickstart", "test", "order-service", 8080, True),
    ("quickstart", "test", "inventory-service", 8080, True),
    ("quickstart", "test", "audit-service", 8080, False),
    ("quickstart", "order-service", "inventory-service", 8080, False),
    *(("defaults", PROMETHEUS, who, 8080, True) for who in (*APIS, *WORKERS)),
    *(("defaults", STRANGER, who, 8080, False) for who in (*APIS, *WORKERS)),
    *(("defaults", NEIGHBOUR, who, 8080, True) for who in APIS),
    *(("defaults", NEIGHBOUR, who, 8080, False) for who in WORKERS),
    *(("defaults", who, BROKER, 4222, True) for who in USERS),
    *(("defaults", who, BROKER, 8222, False) for who in USERS),
    *(("defaults", who, STRANGER, 4222, False) for who in USERS),
    ("defaults", "payment-service", INTERNET, 443, True),
    ("defaults", "payment-service", INTERNET, 80, False),
    ("defaults", "payment-service", METADATA, 443, False),
    *(("defaults", who, INTERNET, 443, False) for who in USERS if who != "payment-service"),
    ("nkeys-and-tls", "order-service", INTERNET, 4222, True),
    ("nkeys-and-tls", "order-service", BROKER, 4222, False),
    ("nkeys-and-tls", NEIGHBOUR, "order-service", 8080, False),
    ("nkeys-and-tls", "test", "order-service", 8080, True),
    ("postgres-and-ingress", "order-service", {"namespace": "orderfleet", "labels": {"app": "postgres"}}, 5432, True),
    ("postgres-and-ingress", "audit-service", {"namespace": "orderfleet", "labels": {"app": "postgres"}}, 5432, True),
    (
        "postgres-and-ingress",
        "inventory-service",
        {"namespace": "orderfleet", "labels": {"app": "postgres"}},
        5432,
        False,
    ),
    ("postgres-and-ingress", "order-service", STRANGER, 5432, False),
    ("defaults", "order-service", {"namespace": "orderfleet", "labels": {"app": "postgres"}}, 5432, False),
    *(("every-setting", who, COLLECTOR, 4318, True) for who in (*APIS, *WORKERS)),
    *(("defaults", who, COLLECTOR, 4318, False) for who in (*APIS, *WORKERS)),
    ("every-setting", "notification-service", WEBHOOK, 25, True),
    ("every-setting", "notification-service", WEBHOOK, 443, True),
    ("every-setting", "order-service", WEBHOOK, 443, False),
    ("defaults", "notification-service", WEBHOOK, 443, False),
    ("quickstart-that-forgets", STRANGER, "nats", 4222, True),
]


def short(who):
    return who if isinstance(who, str) else who.get("ip") or f"{who['namespace']}/{'/'.join(who['labels'].values())}"


def ids(flow):
    case, source, target, port, allowed = flow
    return f"{case}: {short(source)} {'->' if allowed else '-x'} {short(target)}:{port}"


@pytest.mark.parametrize("flow", FLOWS, ids=ids)
def test_a_flow(flow):
    case, source, target, port, allowed = flow
    assert Net(rendered(case)).allows(source, target, port) == allowed


RENDERINGS = [
    *(("case", case) for case in CASES),
    ("folder", "k8s/overlays/quickstart"),
    ("folder", "k8s/overlays/production"),
]


def uncovered(things):
    """Pods that no policy restricts in both directions, and pods of ours that cannot ask for a name."""
    net = Net(things)
    for name, workload in net.pods.items():
        mine = [p for p in net.policies if selects(p["podSelector"], labels(workload))]
        if {direction for policy in mine for direction in policy["policyTypes"]} != {"Ingress", "Egress"}:
            yield f"{name} is free"
        # The quickstart's broker calls nobody.
        if name != "nats" and not net.allows(name, DNS, 53, "UDP"):
            yield f"{name} finds nobody"


@pytest.mark.parametrize(("kind", "name"), RENDERINGS, ids=[name for _, name in RENDERINGS])
def test_every_pod_is_covered(kind, name):
    things = rendered(name) if kind == "case" else kustomized(name)
    if name == "quickstart-that-forgets":
        assert len(list(uncovered(things))) == len(Net(things).pods), "policies are switched off there"
    else:
        assert not list(uncovered(things))


@pytest.mark.parametrize("lost", ["orderfleet-deny-all", "order-service"])
def test_a_pod_that_is_not_covered_would_be_seen(lost):
    """Without its own policy a pod finds nobody; without any it is free."""
    things = [
        copy.deepcopy(t) for t in rendered("defaults") if (t["kind"], t["metadata"]["name"]) != ("NetworkPolicy", lost)
    ]
    if lost == "orderfleet-deny-all":
        things = [t for t in things if t["kind"] != "NetworkPolicy"]
    assert list(uncovered(things))


def test_servers_of_production_reach_one_another_and_nobody_else():
    net = Net(kustomized("k8s/overlays/production"))
    assert net.allows("nats", "nats", 6222)
    assert net.allows("order-service", "nats", 4222)
    assert net.allows({"namespace": "keda", "labels": {"app": "keda-operator"}}, "nats", 8222)
    assert net.allows(PROMETHEUS, "nats", 8222)
    for source, target, port in [
        (NEIGHBOUR, "nats", 4222),
        ("order-service", "nats", 8222),
        ("nats", INTERNET, 443),
        (STRANGER, "nats", 6222),
    ]:
        assert not net.allows(source, target, port)


def loose_ends(things):
    """References from object to object that lead nowhere."""
    staying = [w for w in workloads(things) if w["kind"] in STAYING]
    names = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
    for thing in things:
        kind, name, spec = thing["kind"], thing["metadata"]["name"], thing.get("spec", {})
        if kind in ("Service", "PodDisruptionBudget"):
            wanted = spec["selector"] if kind == "Service" else spec["selector"]["matchLabels"]
            found = [w for w in staying if wanted.items() <= labels(w).items()]
            if len(found) != 1:
                yield f"{kind} {name} selects {len(found)} workloads"
            elif kind == "Service":
                ports = {p["name"] for c in pod(found[0])["containers"] for p in c["ports"]}
                yield from (f"Service {name} has no port {p}" for p in spec["ports"] if p["targetPort"] not in ports)
            elif found[0]["spec"].get("replicas", 2) < 2:
                yield f"the only pod of {name} must not be evicted"
        elif kind in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = spec["scaleTargetRef"]
            if (target["kind"], target["name"]) not in names:
                yield f"{kind} {name} scales nothing"
        elif kind == "Ingress":
            for path in spec["rules"][0]["http"]["paths"]:
                if ("Service", path["backend"]["service"]["name"]) not in names:
                    yield f"Ingress {name} leads nowhere"
        elif kind == "StatefulSet" and ("Service", spec["serviceName"]) not in names:
            yield f"{kind} {name} has no service"
    for workload in workloads(things):
        account = pod(workload).get("serviceAccountName")
        if account and ("ServiceAccount", account) not in names:
            yield f"{workload['metadata']['name']} has no account {account}"


@pytest.mark.parametrize(("kind", "name"), RENDERINGS, ids=[name for _, name in RENDERINGS])
def test_objects_find_one_another(kind, name):
    assert not list(loose_ends(rendered(name) if kind == "case" else kustomized(name)))


@pytest.mark.parametrize(
    ("kind", "mutate"),
    [
        ("Service", lambda spec: spec["selector"].update(x="y")),
        ("Service", lambda spec: spec["ports"][0].update(targetPort="metrics")),
        ("PodDisruptionBudget", lambda spec: spec["selector"]["matchLabels"].update(x="y")),
        ("StatefulSet", lambda spec: spec.update(serviceName="other")),
        ("StatefulSet", lambda spec: spec.update(replicas=1)),
        ("Deployment", lambda spec: spec["template"]["spec"].update(serviceAccountName="other")),
    ],
)
def test_a_loose_end_would_be_seen(kind, mutate):
    things = copy.deepcopy(rendered("defaults"))
    mutate(
        next(t for t in things if t["kind"] == kind and t["metadata"]["name"] in ("order-service", "payment-service"))[
            "spec"
        ]
    )
    assert list(loose_ends(things))


def test_only_the_orders_api_is_outside():
    (ingress,) = (t for t in rendered("postgres-and-ingress") if t["kind"] == "Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/orders"]
