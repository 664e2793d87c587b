"""Every pod of every rendering keeps every rule, and each rule is broken once to see that it can be."""

import copy
import json

import pytest
from cases import CASES
from pods import RULES, containers, env, labels, pod, shutdown_seconds, workloads
from tools import kustomized, rendered

MANIFESTS = ("k8s/overlays/quickstart", "k8s/overlays/production")


def all_workloads():
    for case in CASES:
        yield from ((case, workload) for workload in workloads(rendered(case)))
    for folder in MANIFESTS:
        yield from ((folder, workload) for workload in workloads(kustomized(folder)))


@pytest.mark.parametrize("rule", RULES)
def test_every_pod_keeps(rule):
    found = list(all_workloads())
    assert len(found) > 60, "the pods are where this test looks"
    offences = [
        f"{where}: {workload['kind']} {workload['metadata']['name']}: {offence}"
        for where, workload in found
        for offence in RULES[rule](workload)
    ]
    assert not offences, "\n".join(offences)


def first(workload):
    return pod(workload)["containers"][0]


def set_env(workload, name, **item):
    others = [there for there in first(workload)["env"] if there["name"] != name]
    first(workload)["env"] = [*others, {"name": name, **item}]


#: What a careless change could do to the order service, and the rule that has to notice.
MUTATIONS = [
    ("restricted", lambda w: pod(w)["securityContext"].pop("runAsNonRoot")),
    ("restricted", lambda w: pod(w)["securityContext"].pop("seccompProfile")),
    ("restricted", lambda w: first(w)["securityContext"].pop("capabilities")),
    ("restricted", lambda w: first(w)["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
    ("restricted", lambda w: first(w)["securityContext"].update(allowPrivilegeEscalation=True)),
    ("restricted", lambda w: pod(w).update(hostNetwork=True)),
    ("restricted", lambda w: pod(w)["volumes"].append({"name": "h", "hostPath": {"path": "/"}})),
    ("restricted", lambda w: pod(w).update(initContainers=[{"name": "i", "image": "x:1"}])),
    ("unwritable", lambda w: first(w)["securityContext"].update(readOnlyRootFilesystem=False)),
    ("unwritable", lambda w: pod(w)["securityContext"].update(runAsUser=1000)),
    ("no_token", lambda w: pod(w).pop("automountServiceAccountToken")),
    ("no_token", lambda w: pod(w).pop("serviceAccountName")),
    ("no_token", lambda w: pod(w).pop("enableServiceLinks")),
    ("resources", lambda w: first(w).pop("resources")),
    ("resources", lambda w: first(w)["resources"]["limits"].update(memory="2Gi")),
    ("images", lambda w: first(w).update(image="orderfleet/order-service")),
    ("images", lambda w: first(w).update(image="registry:5000/order-service")),
    ("images", lambda w: first(w).update(image="orderfleet/order-service:latest")),
    ("well_labelled", lambda w: labels(w).pop("app.kubernetes.io/part-of")),
    ("well_labelled", lambda w: w["spec"]["selector"]["matchLabels"].update(other="x")),
    ("probes", lambda w: first(w).pop("livenessProbe")),
    ("probes", lambda w: first(w)["livenessProbe"]["httpGet"].update(path="/ready")),
    ("probes", lambda w: first(w)["startupProbe"]["httpGet"].update(port="metrics")),
    ("probes", lambda w: first(w).update(readinessProbe={"exec": {"command": ["true"]}})),
    ("grace", lambda w: pod(w).update(terminationGracePeriodSeconds=30)),
    ("grace", lambda w: set_env(w, "DRAIN_TIMEOUT", value="31")),
    ("no_secret", lambda w: set_env(w, "NATS_PASSWORD", value="hunter2")),
    ("no_secret", lambda w: set_env(w, "DATABASE_URL", value="postgres://shop:hunter2@db/shop")),
    ("databases", lambda w: first(w).pop("volumeMounts")),
    ("databases", lambda w: w["spec"].pop("volumeClaimTemplates")),
    ("identity_of_its_own", lambda w: set_env(w, "NATS_USER", value="setup")),
    ("identity_of_its_own", lambda w: set_env(w, "INSTANCE", value="order-service")),
    (
        "identity_of_its_own",
        lambda w: pod(w)["volumes"].append({"name": "n", "secret": {"secretName": "audit-service-nats"}}),
    ),
    ("spread", lambda w: pod(w)["topologySpreadConstraints"][0].pop("matchLabelKeys")),
    ("spread", lambda w: pod(w)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].update(a="b")),
]


@pytest.mark.parametrize(("rule", "mutate"), MUTATIONS, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(MUTATIONS)])
def test_a_broken_rule_is_noticed(rule, mutate):
    (order,) = (w for w in workloads(rendered("defaults")) if w["metadata"]["name"] == "order-service")
    assert not list(RULES[rule](order))
    broken = copy.deepcopy(order)
    mutate(broken)
    assert list(RULES[rule](broken)), "nobody noticed"


def test_every_rule_is_broken_once():
    assert {rule for rule, _ in MUTATIONS} == set(RULES)


def test_a_stop_takes_what_the_chart_reckons_with():
    """15 s beside preStop and drain: see orderfleet.component."""
    assert 0 < shutdown_seconds() <= 15


def test_replicas_are_left_to_the_autoscaler():
    scaled = {w["metadata"]["name"] for w in workloads(rendered("keda-and-monitoring")) if "replicas" not in w["spec"]}
    assert {"payment-service", "notification-service"} <= scaled
    assert not {"order-service", "inventory-service", "audit-service"} & scaled


def test_settings_arrive_as_they_were_given():
    """A large number must not become 3.1536e+07 on its way."""
    found = {w["metadata"]["name"]: env(containers(w)[0]) for w in workloads(rendered("every-setting"))}
    for service, values in CASES["every-setting"]["services"].items():
        for name, value in values.get("settings", {}).items():
            assert found[service][name]["value"] == json.dumps(value)
