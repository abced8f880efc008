#!/usr/bin/env bash
# Writes the type stubs of the compiled core, as installed for `python`, under the given folder (python/ to renew them).
set -euo pipefail
out=${1:?usage: make_stubs.sh FOLDER}
mkdir -p "$out"
# pybind11 names types of the core in two ways; one suffices.
python -m pybind11_stubgen lehr._core -o "$out" --exit-code >/dev/null
ruff format -q --line-length 110 "$out/lehr/_core.pyi"
