#!/usr/bin/env bash
# Writes the type stubs of the compiled core, as `python` imports it, under the given folder (python/ to renew them).
set -euo pipefail
out=${1:?usage: make_stubs.sh FOLDER}
mkdir -p "$out"
python -m pybind11_stubgen lehr._core -o "$out" --exit-code >/dev/null
stub=$out/lehr/_core.pyi
# The bindings say dict, list and tuple; strict checkers want to hear that anything may be in them.
sed -E -i 's/\b(dict|list)\b([],:)]| =|$)/\1[TYPES]\2/g; s/\btuple\b([],:)]| =|$)/tuple[typing.Any, ...]\1/g
           s/dict\[TYPES\]/dict[str, typing.Any]/g; s/list\[TYPES\]/list[typing.Any]/g' "$stub"
grep -q '^import typing' "$stub" || sed -i '0,/^import /s//import typing\nimport /' "$stub"
ruff check -q --fix --select I "$stub" || true
ruff format -q "$stub"
