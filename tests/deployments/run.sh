#!/usr/bin/env bash
# The tests of deployments/ and docker/: Helm chart, plain manifests, brokers' configuration, alerts, compose. Needs
# Python 3.11 or later and npm; fetches the rest once, by its hashes, into target/deployments. What runs a whole fleet needs
# `cargo build --workspace --bins` before, and says SKIPPED without. Arguments go to pytest: tests/deployments/run.sh -k typos
set -euo pipefail
cd "$(dirname "$0")"

tools=$(cd ../.. && pwd)/target/deployments
missing() { echo "tests/deployments: $1" >&2 && exit 1; }
command -v npm >/dev/null && command -v node >/dev/null || missing "npm and node are needed, for Helm 3 and the types of custom resources"
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' ||
    missing "Python 3.11 or later with venv is needed (Debian: python3-venv)"

# Anew whenever what is pinned has changed.
stamp=$tools/installed
pins=(requirements.txt requirements-docker.txt package-lock.json)
if ! cat "${pins[@]}" | cmp --silent - "$stamp"; then
    mkdir -p "$tools/npm"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r requirements.txt -r requirements-docker.txt
    cp package.json package-lock.json "$tools/npm/"
    npm --prefix "$tools/npm" ci --silent --no-audit --no-fund --ignore-scripts
    cat "${pins[@]}" >"$stamp"
fi

export PYTHONDONTWRITEBYTECODE=1
exec "$tools/venv/bin/python" -m pytest -p no:cacheprovider "$@"
