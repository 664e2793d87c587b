"""promtool, and what an expression of PromQL asks for."""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def promtool(*arguments):
    """Runs promtool; fails with what it says."""
    done = subprocess.run([find_promtool(), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"promtool {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"


@functools.cache
def find_promtool() -> str:
    """The program: from PROMTOOL, the PATH or target/tools, else fetched there as a Debian package."""
    fetched = ROOT / "target" / "tools" / "prometheus" / "usr" / "bin" / "promtool"
    for found in [os.environ.get("PROMTOOL"), shutil.which("promtool"), fetched if fetched.exists() else None]:
        if found:
            return str(found)
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        pytest.fail("promtool is not there: put it on the PATH, or name it in PROMTOOL")
    packages = ROOT / "target" / "tools" / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "prometheus"], cwd=packages, check=True, capture_output=True)
    [package] = packages.glob("prometheus_*.deb")
    subprocess.run(["dpkg", "-x", package, ROOT / "target" / "tools" / "prometheus"], check=True)
    return str(fetched)


# What is looked for in an expression.
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^{}]*)\}")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


def asks_for(expr: str) -> tuple[dict[str, set[str]], set[str]]:
    """The metrics of an expression, each with the labels it is selected by, and the labels that are grouped by."""
    bare = STRING.sub('""', expr)
    bare = re.sub(r"\[[^\]]*\]|\boffset\s+\w+", "", bare)
    grouped = {label for _, labels in GROUPING.findall(bare) for label in NAME.findall(labels)}
    bare = GROUPING.sub("", bare)
    metrics = {}
    for name, matchers in SELECTOR.findall(bare):
        metrics.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
    rest = re.sub(r"\{[^{}]*\}", "", bare)
    for found in NAME.finditer(rest):
        is_call = rest[found.end() :].lstrip().startswith("(")
        is_part_of_number = found.start() > 0 and rest[found.start() - 1].isdigit()
        if not is_call and not is_part_of_number and found.group().lower() not in WORDS:
            metrics.setdefault(found.group(), set())
    return metrics, grouped
