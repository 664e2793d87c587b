#!/usr/bin/env python3
"""Writes the table of values in the chart's README from the comments of its values.yaml.

    deployments/helm/values_table.py            writes it
    deployments/helm/values_table.py --check    fails if that would change anything

A comment belongs to the key below it. A key behind a `#` without a space is one that has no default. The standard
library has no YAML; indentation, keys and comments are all that is needed.
"""

import difflib
import re
import sys
from pathlib import Path

CHART = Path(__file__).parent / "orderfleet"
BEGIN, END = "<!-- values: made by deployments/helm/values_table.py -->\n", "<!-- end of values -->\n"
KEY = re.compile(r"^(?P<indent> *)(?P<unset>#?)(?P<key>[A-Za-z][\w-]*):(?: (?P<value>.*))?$")
COMMENT = re.compile(r"^ *# ?(?P<text>.*)$")


def rows(text):
    """(path, default, meaning) of every key."""
    path, comment, found = [], [], []
    for line in text.splitlines():
        key = KEY.match(line)
        said = COMMENT.match(line)
        if key and not line.lstrip().startswith("# "):
            depth = len(key["indent"]) // 2
            path = [*path[:depth], key["key"]]
            default = "" if key["unset"] else (key["value"] or "")
            found.append([".".join(path), default, " ".join(comment)])
            comment = []
        elif said:
            comment.append(said["text"])
        elif not line.strip():
            comment = []
    return found


def told(found):
    """The rows to show: a key without a comment of its own is part of the default of what it belongs to."""
    shown = []
    for path, default, meaning in found:
        if meaning:
            shown.append([path, [default] if default else [], meaning])
        elif default:
            whole = next(row for row in reversed(shown) if path.startswith(f"{row[0]}."))
            whole[1].append(f"{path.removeprefix(whole[0] + '.')}: {default}")
    return shown


def table(text):
    lines = ["| value | default | meaning |", "|---|---|---|"]
    for path, defaults, meaning in told(rows(text)):
        shown = f"`{', '.join(defaults)}`" if defaults else ""
        lines.append(f"| `{path}` | {shown} | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def written(readme, values):
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table(values) + END + after


def main():
    readme = CHART / "README.md"
    old = readme.read_text()
    new = written(old, (CHART / "values.yaml").read_text())
    if "--check" in sys.argv[1:]:
        sys.stdout.writelines(
            difflib.unified_diff(old.splitlines(True), new.splitlines(True), "README.md", "values.yaml")
        )
        return int(old != new)
    readme.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
