#!/usr/bin/env bash
# Builds the core with sanitizers and runs the Python suite, or a part of it, on that build.
#
#   scripts/sanitize.sh address [pytest arguments]   AddressSanitizer and UndefinedBehaviorSanitizer
#   scripts/sanitize.sh thread  [pytest arguments]   ThreadSanitizer: the threads of supervisor and sweep
#
# Without arguments: what fits a weekly run, see below. `tests` runs everything. PYTHON names the interpreter, BUILD the
# folder (build/sanitize-KIND). The sources are copied there, so that the module of the working tree stays.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD kind=${1:?usage: sanitize.sh address|thread [pytest arguments]}
shift
python=${PYTHON:-python3}
case $kind in
  address) sanitizers=address,undefined library=libasan.so
    subset=(tests/test_native_fuzz.py tests/test_native_errors.py tests/test_space.py tests/test_space_properties.py
            tests/test_optimizer.py tests/test_guided.py tests/test_guided_parts.py tests/test_parzen_growing.py
            tests/test_parzen_density.py tests/test_tpe_engine.py tests/test_table_problem.py tests/test_problems.py
            tests/probe/test_probe_verdict.py tests/probe/test_probe_percentiles.py
            tests/supervise/test_supervise_endings.py tests/supervise/test_faults_channel.py
            tests/study/test_faults_journal.py) ;;
  thread) sanitizers=thread library=libtsan.so
    subset=(tests/supervise/test_supervise_thread.py tests/supervise/test_supervise_endings.py
            tests/supervise/test_supervise_trees.py tests/sweep/test_sweep_studies.py tests/sweep/test_sweep_run.py) ;;
  *) echo "sanitize.sh: unknown kind '$kind'; choose address or thread" >&2; exit 2 ;;
esac
build=${BUILD:-$root/build/sanitize-$kind}
[ $# -gt 0 ] || set -- "${subset[@]}"

# The tests import the package that stands beside them: a copy of the tree, with this build's modules in it. Files keep
# their times, so only what changed is compiled again.
tree=$build/tree
mkdir -p "$tree"
find "$tree" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ ! -e "$file" ] || printf '%s\0' "$file"
done | tar --create --null --files-from=- | tar --extract --directory "$tree"
cmake -S "$tree" -B "$build/objects" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O1 -g1" -DLEHR_TESTS=OFF \
  -DLEHR_SANITIZE=$sanitizers -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF -DPython_EXECUTABLE="$(command -v "$python")" \
  ${CMAKE_CXX_COMPILER_LAUNCHER:+-DCMAKE_CXX_COMPILER_LAUNCHER=$CMAKE_CXX_COMPILER_LAUNCHER} >"$build/configure.log"
cmake --build "$build/objects" -j"${JOBS:-2}"

# The interpreter was built without: the sanitizer's library comes first. Forked trials inherit it.
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/objects/CMakeCache.txt")
export LD_PRELOAD=$("$compiler" -print-file-name=$library):$("$compiler" -print-file-name=libstdc++.so.6)
export PYTHONPATH=$tree/python PYTHONMALLOC=malloc
# Leaks are the interpreter's own: it frees little at its end. Faults are left to whoever wants to see them.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4096:handle_segv=0:handle_abort=0:handle_sigfpe=0:handle_sigill=0:handle_sigbus=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=suppressions=$root/scripts/tsan.supp:handle_segv=0:handle_abort=0:die_after_fork=0:halt_on_error=1:exitcode=66
cd "$tree"
exec "$python" -m pytest -q -p no:cacheprovider "$@"
