#!/bin/sh
# Pins every package, run-time and development, into constraints.txt. The file names no index and no path,
# and holds for every supported Python and platform.
set -eu
cd "$(dirname "$0")/.."
sh packaging/venv.sh uv
.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade --quiet \
    --no-config \
    --custom-compile-command "make constraints" --output-file constraints.txt
