#!/usr/bin/env python3
"""Makes the plain manifests from the Helm chart, so that there is one source of both.

    deployments/k8s/generate.py            writes them
    deployments/k8s/generate.py --check    fails if that would change anything

`base` is what quickstart and production have in common; each overlay adds its own objects, and patches those of the
base that it wants otherwise. Built by kustomize, an overlay is what `helm template` makes of values/<overlay>.yaml, less
the marks of Helm and its hooks. Needs PyYAML, and Helm as `helm` or where HELM says; tests/deployments/run.sh fetches both:

    HELM=target/deployments/npm/node_modules/.bin/helm target/deployments/venv/bin/python deployments/k8s/generate.py
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CHART = HERE.parent / "helm" / "orderfleet"
RELEASE = NAMESPACE = "orderfleet"
HEAD = "# Made by deployments/k8s/generate.py; change the chart or values/ instead.\n"
#: Lists that kustomize merges item by item, and what it tells the items apart by.
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
}
OF_HELM = re.compile(r"^ *(app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)
KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def helm_template(overlay):
    """What the chart is rendered to, as text."""
    helm = os.environ.get("HELM", "helm")
    command = [helm, "template", RELEASE, CHART, "--kube-version", "1.34.0"]
    command += ["--namespace", NAMESPACE, "--values", HERE / "values" / f"{overlay}.yaml"]
    try:
        rendered = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"generate.py: {helm} does not run ({error.strerror}); HELM may say where Helm is")
    if rendered.returncode:
        sys.exit(f"generate.py: Helm refuses values/{overlay}.yaml\n{rendered.stderr}")
    return rendered.stdout


def objects(rendered):
    """The objects that are there without Helm, by identity: (object, its text with the comments)."""
    found = {}
    for text in re.split(r"^---\n", rendered, flags=re.MULTILINE):
        text = OF_HELM.sub("", re.sub(r"^# Source: .*\n", "", text))
        thing = yaml.safe_load(text)
        if not thing or any(mark.startswith("helm.sh/hook") for mark in thing["metadata"].get("annotations", {})):
            continue
        if component(thing) != "test":
            found[identity(thing)] = thing, text.strip() + "\n"
    return found


def identity(thing):
    return thing["apiVersion"], thing["kind"], thing["metadata"]["name"]


def component(thing):
    return thing["metadata"]["labels"]["app.kubernetes.io/component"]


def patch(old, new, key=""):
    """The strategic merge patch that makes `new` of `old`; None if they are the same."""
    if old == new:
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        changes = {name: patch(old.get(name), value, name) for name, value in new.items()}
        changes = {name: change for name, change in changes.items() if change is not None}
        return changes | {name: None for name in old if name not in new}
    if isinstance(old, list) and isinstance(new, list) and key in MERGE_KEYS:
        return merged_list(old, new, MERGE_KEYS[key])
    return new


def merged_list(old, new, by):
    before = {item[by]: item for item in old}
    after = {item[by]: item for item in new}
    changes = []
    for name, item in after.items():
        change = patch(before.get(name), item)
        if change is not None:
            changes.append({by: name} | change)
    return changes + [{by: name, "$patch": "delete"} for name in before if name not in after]


def files():
    """Every generated file's content, by path."""
    quickstart, production = (objects(helm_template(overlay)) for overlay in ("quickstart", "production"))
    common = [key for key in quickstart if key in production and component(quickstart[key][0]) != "setup"]
    base = {key: quickstart[key] for key in common}
    made = {Path("base") / name: text for name, text in by_component(base).items()}
    made[Path("base/kustomization.yaml")] = kustomization(["namespace.yaml", *sorted(by_component(base))])
    for overlay, every, beside in (("quickstart", quickstart, []), ("production", production, ["../../nats"])):
        folder = Path("overlays") / overlay
        own = by_component({key: value for key, value in every.items() if key not in base})
        made |= {folder / name: text for name, text in own.items()}
        patches = [patch_of(base[key][0], every[key][0]) for key in base]
        patches = [change for change in patches if change]
        if patches:
            made[folder / "patches.yaml"] = HEAD + "---\n".join(map(dump, patches))
        made[folder / "kustomization.yaml"] = kustomization(["../../base", *beside, *sorted(own)], bool(patches))
    made[Path("base/namespace.yaml")] = HEAD + dump(namespace())
    return made


def by_component(found):
    texts = {}
    for thing, text in found.values():
        texts.setdefault(f"{component(thing)}.yaml", []).append(text)
    return {name: HEAD + "---\n".join(parts) for name, parts in texts.items()}


def patch_of(old, new):
    change = patch(old, new)
    if not change:
        return None
    api, kind, name = identity(new)
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name} | change.pop("metadata", {})} | change


def kustomization(resources, patched=False):
    content = KUSTOMIZATION | {"namespace": NAMESPACE, "resources": resources}
    if patched:
        content["patches"] = [{"path": "patches.yaml"}]
    return HEAD + dump(content)


def namespace():
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def dump(thing):
    return yaml.safe_dump(thing, sort_keys=False, width=120)


def main():
    made = {HERE / path: text for path, text in files().items()}
    there = {path for folder in ("base", "overlays") for path in (HERE / folder).rglob("*.yaml")}
    wrong = [path for path, text in made.items() if path not in there or path.read_text() != text]
    superfluous = sorted(there - set(made))
    if "--check" in sys.argv[1:]:
        for path in wrong + superfluous:
            print(f"differs: {path.relative_to(HERE)}")
        return int(bool(wrong or superfluous))
    for path in superfluous:
        path.unlink()
    for path in wrong:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path])
    print(f"{len(wrong)} of {len(made)} files written, {len(superfluous)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
