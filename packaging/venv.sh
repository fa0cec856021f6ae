#!/bin/sh
# usage: packaging/venv.sh run|dev|uv
# Makes .venv with the first Python >= 3.11 found (or $PYTHON) and installs Rejoin into it, from this checkout,
# with the versions of constraints.txt. Leaves a stamp that make compares with pyproject.toml and constraints.txt.
# "uv" installs only the tool that makes those constraints, for when they no longer fit pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
kind=${1:?run, dev or uv}
attempts=4

suits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if suits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    echo "No Python 3.11 or newer with the venv module was found (looked for: ${PYTHON:-python3.13 python3.12 python3.11 python3})." >&2
    echo "Install one (on Debian and Ubuntu: apt-get install python3-venv), or name it: make PYTHON=/path/to/python3" >&2
    exit 1
}

# A network that stumbles is tried again; pip keeps what it already has.
install() {
    attempt=1
    until .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; do
        [ "$attempt" -lt "$attempts" ] || { echo "Installation failed $attempts times; see above." >&2; exit 1; }
        echo "Installation failed; trying again in $((attempt * 5)) s." >&2
        sleep "$((attempt * 5))"
        attempt=$((attempt + 1))
    done
}

# Scripts in a venv carry its absolute path: one that was moved or copied does not work and is made anew.
if ! { .venv/bin/pip --version && suits .venv/bin/python; } >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version) ..." >&2
    "$python" -m venv --clear .venv
fi

if [ "$kind" = uv ]; then
    install uv
    exit
fi

echo "Installing Rejoin into .venv ($kind) ..." >&2
# The build tools come from the constraints too, instead of from an isolated build that would take the newest.
install --constraint constraints.txt hatchling editables
case $kind in
    run) install --constraint constraints.txt --no-build-isolation --editable . ;;
    dev) install --constraint constraints.txt --no-build-isolation --editable '.[dev]' ;;
    *) echo "usage: packaging/venv.sh run|dev|uv" >&2; exit 2 ;;
esac
pwd -P > .venv/.installed-run
[ "$kind" = run ] || touch .venv/.installed-dev
