"""What holds for every pod of the deployments: one rule, one function, which yields what is wrong."""

import re

import yaml
from tools import ROOT

WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")
STAYING = ("Deployment", "StatefulSet")
#: Volumes that the restricted standard allows.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|NKEY|SEED$")
PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:(?!\$\()[^/@\s]+@")
OURS = ("order-service", "inventory-service", "payment-service", "notification-service", "audit-service", "gateway-sim")


def workloads(things):
    return [thing for thing in things if thing["kind"] in WORKLOADS]


def pod(workload):
    return workload["spec"] if workload["kind"] == "Pod" else workload["spec"]["template"]["spec"]


def labels(workload):
    return (workload if workload["kind"] == "Pod" else workload["spec"]["template"])["metadata"]["labels"]


def containers(workload):
    return pod(workload).get("initContainers", []) + pod(workload)["containers"]


def env(container):
    return {item["name"]: item for item in container.get("env", [])}


def is_ours(workload):
    return workload["kind"] in STAYING and labels(workload)["app.kubernetes.io/component"] in OURS


def restricted(workload):
    """The restricted pod security standard of Kubernetes."""
    spec = pod(workload)
    for shared in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(shared):
            yield shared
    security = spec.get("securityContext", {})
    if security.get("sysctls") or security.get("windowsOptions", {}).get("hostProcess"):
        yield "sysctls or host process"
    for volume in spec.get("volumes", []):
        if not set(volume) - {"name"} <= VOLUMES:
            yield f"volume {volume}"
    for container in containers(workload):
        own = container.get("securityContext", {})
        both = security | own
        if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False or own.get("procMount"):
            yield "privileges"
        if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
            yield "capabilities"
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield "root"
        if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield "seccomp"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield "hostPort"


def unwritable(workload):
    """A root that cannot be written, and a user without a name."""
    security = pod(workload)["securityContext"]
    if {security.get(key) for key in ("runAsUser", "runAsGroup", "fsGroup")} != {65532}:
        yield f"user {security}"
    for container in containers(workload):
        if container["securityContext"].get("readOnlyRootFilesystem") is not True:
            yield "the root can be written"


def no_token(workload):
    """Nobody talks to the API server."""
    spec = pod(workload)
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token"
    if spec.get("enableServiceLinks") is not False:
        yield "service links"
    if workload["kind"] != "Pod" and spec.get("serviceAccountName", "default") == "default":
        yield "no service account of its own"


def resources(workload):
    """Memory is reserved in full; CPU is asked for, and not throttled."""
    for container in containers(workload):
        asked, most = (container.get("resources", {}).get(what, {}) for what in ("requests", "limits"))
        if not asked.get("memory") or asked["memory"] != most.get("memory"):
            yield f"memory {asked} {most}"
        if not asked.get("cpu") or "cpu" in most:
            yield f"cpu {asked} {most}"


def images(workload):
    for container in containers(workload):
        image = container["image"]
        if "@sha256:" not in image and not re.search(r":[\w][\w.-]*$", image) or image.endswith(":latest"):
            yield f"image {image}"


def well_labelled(workload):
    own = labels(workload)
    for name in ("name", "component", "part-of"):
        if not own.get(f"app.kubernetes.io/{name}"):
            yield f"no label {name}"
    selector = workload["spec"].get("selector", {}).get("matchLabels")
    if workload["kind"] in STAYING and not (selector and selector.items() <= own.items()):
        yield f"selector {selector}"


def probes(workload):
    """All three by HTTP; whether it is alive never depends on the broker."""
    if workload["kind"] not in STAYING:
        return
    for container in pod(workload)["containers"]:
        paths = {}
        for kind in ("startup", "liveness", "readiness"):
            probe = container.get(f"{kind}Probe", {})
            paths[kind] = probe.get("httpGet", {}).get("path")
            ports = {port["name"] for port in container["ports"]}
            if probe.get("httpGet", {}).get("port") not in ports:
                yield f"{kind} asks a port that there is not"
        ours = {"startup": "/health", "liveness": "/health", "readiness": "/ready"}
        # Whether the others are there decides on nothing but on who is sent here.
        broker = {
            "startup": "/healthz?js-server-only=true",
            "liveness": "/healthz?js-enabled-only=true",
            "readiness": "/healthz?js-meta-only=true",
        }
        if paths != (ours if is_ours(workload) else broker):
            yield f"probes {paths}"


def shutdown_seconds():
    """How long a stop can take beyond the drain, as the code of the processes has it."""
    text = (ROOT / "crates/runtime/src/drain.rs").read_text() + (ROOT / "crates/runtime/src/run.rs").read_text()
    text += (ROOT / "crates/runtime/src/telemetry/mod.rs").read_text()
    known = dict(re.findall(r"const (\w+): Duration = Duration::from_(?:secs|millis)\((\d+)\)", text))
    seconds = [int(known[name]) for name in ("HARD_GRACE", "HTTP_GRACE", "FLUSH_TIMEOUT")]
    # The end of the async runtime, and what the flush waits for its thread.
    return sum(seconds) + int(known["RUNTIME_SHUTDOWN"]) / 1000 + 0.5


def grace(workload):
    """A pod is killed no sooner than its stop can take."""
    if not is_ours(workload):
        return
    container = pod(workload)["containers"][0]
    sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    drain = int(env(container)["DRAIN_TIMEOUT"]["value"])
    if pod(workload)["terminationGracePeriodSeconds"] < sleep + drain + shutdown_seconds():
        yield f"preStop {sleep} + drain {drain} is too much"
    worker = labels(workload)["app.kubernetes.io/component"] in ("payment-service", "notification-service")
    if worker and sleep:
        yield "a worker has no callers to wait for"


def no_secret(workload):
    """Credentials come from Secrets, never as text."""
    for container in containers(workload):
        for name, item in env(container).items():
            literal = str(item.get("value", ""))
            if SECRET_NAME.search(name) and literal and not name.endswith(("_FILE", "GATEWAY_SEED")):
                yield f"{name} is literal"
            if PASSWORD_IN_URL.search(literal):
                yield f"{name} holds a password"


def databases(workload):
    """What is to be kept is on a volume: a claim for the broker, the audit trail and whoever keeps a StatefulSet."""
    if workload["kind"] not in STAYING:
        return
    volumes = {volume["name"] for volume in pod(workload).get("volumes", [])}
    claims = {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    for container in pod(workload)["containers"]:
        mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
        files = [env(container).get(name, {}).get("value", "") for name in ("DATABASE_URL", "GATEWAY_LEDGER")]
        if any("/data/" in file for file in files) and "/data" not in mounts:
            yield "its file is on no volume"
        named = [item["value"] for item in container.get("env", []) if item["name"].endswith("_FILE")]
        if lost := [file for file in named if file.rsplit("/", 1)[0] not in mounts]:
            yield f"{lost} are on no volume"
        if not set(mounts.values()) <= volumes | claims:
            yield f"mounts {mounts} of nothing"
    if workload["kind"] == "StatefulSet" and not claims and labels(workload)["app.kubernetes.io/component"] != "nats":
        yield "a StatefulSet that claims nothing"


def identity_of_its_own(workload):
    """A user's name at the broker is the service's; so is what the instance is called by."""
    for container in containers(workload):
        own = env(container)
        if "NATS_URL" not in own:
            continue
        if own.get("NATS_USER", {}).get("value", container["name"]) != container["name"]:
            yield f"user {own['NATS_USER']}"
        by_pod = {"fieldRef": {"fieldPath": "metadata.name"}}
        if is_ours(workload) and own.get("INSTANCE", {}).get("valueFrom") != by_pod:
            yield "the instance is not called by its pod"
        secrets = yaml.safe_dump(pod(workload).get("volumes", []))
        if others := [name for name in OURS if name != container["name"] and name in secrets]:
            yield f"credentials of {others}"


def spread(workload):
    """Constraints look at the pods of this revision alone."""
    by = {"Deployment": ["pod-template-hash"], "StatefulSet": ["controller-revision-hash"]}
    for constraint in pod(workload).get("topologySpreadConstraints", []):
        if not constraint["labelSelector"]["matchLabels"].items() <= labels(workload).items():
            yield "spreads other pods"
        if is_ours(workload) and constraint.get("matchLabelKeys") != by[workload["kind"]]:
            yield f"spreads by {constraint.get('matchLabelKeys')}"


RULES = {
    rule.__name__: rule
    for rule in (
        restricted,
        unwritable,
        no_token,
        resources,
        images,
        well_labelled,
        probes,
        grace,
        no_secret,
        databases,
        identity_of_its_own,
        spread,
    )
}
