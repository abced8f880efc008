#!/usr/bin/env bash
# One run of some ten minutes on a machine with a GPU: bash bench/gpu_day.sh [stage ...]; no stage: all, most valuable
# first. Each stage has a limit of its own and a failing one stops nothing. Rows go to $OUT/rows.jsonl, words to
# $OUT/log.txt; the exit status is 1 where a stage failed.
#
# Without a GPU the stand-in drivers and the stand-in PyTorch of tests/ play one (DRY=1, which the rows then say), and
# every stage runs to its end all the same: no figure of such a run means anything.
#
# Carried in $WHL: wheels of lehr itself (kernel inside) and of what the machine lacks of its dependencies: optuna,
# alembic, sqlalchemy, colorlog, mako, nvidia_ml_py. NOINSTALL=1: lehr and they are importable as it is.
set -uo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
OUT=${OUT:-$PWD/gpu_day_out}
mkdir -p "$OUT"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
WHL=${WHL:-$ROOT/.whl}
PY=${PY:-python3}
DAY=$ROOT/bench/gpu_day
WANT="$*"
FAILED=0
nvidia-smi -L >/dev/null 2>&1 && GPU=1 || GPU=0
DRY=${DRY:-$((1 - GPU))}
export OUT WORK ROOT DRY PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
exec > >(tee -a "$OUT/log.txt") 2>&1

say() { printf '\n=== %s  (at %ss)\n' "$*" "$SECONDS"; }
row() { printf '%s\n' "$1" | tee -a "$OUT/rows.jsonl"; }
stage() { # name limit_s command...
  local name=$1 limit=$2
  shift 2
  [ -n "$WANT" ] && [[ " $WANT " != *" $name "* ]] && return 0
  say "$name (limit ${limit}s)"
  local begun=$SECONDS
  timeout -k 5 "$limit" "$@"
  local status=$?
  [ "$status" = 0 ] || FAILED=1
  row "{\"stage\": \"$name\", \"status\": $status, \"seconds\": $((SECONDS - begun))}"
}
missing() { row "{\"stage\": \"$1\", \"skipped\": \"$2\"}"; }

say install
if [ -z "${NOINSTALL:-}" ]; then
  $PY -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$WORK/site" "$WHL"/*.whl || exit 9
  export PYTHONPATH=$WORK/site${PYTHONPATH:+:$PYTHONPATH}
fi
export PATH="$PATH:/usr/local/cuda/bin"
export PYTHONPATH="$WORK:$DAY:$ROOT/tests${PYTHONPATH:+:$PYTHONPATH}"
if [ "$DRY" = 1 ]; then
  $PY "$DAY/stand_ins.py" "$WORK" || exit 9
  export LD_LIBRARY_PATH="$WORK/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" PYTHONPATH="$ROOT/tests/fake_torch:$PYTHONPATH"
  export LEHR_CUDA_KERNEL=$WORK/kernel FAKE_CUDA_REAL=1 FAKE_NVML=$WORK/nvml.txt
  unset CUDA_VISIBLE_DEVICES
  # As much of the long stages as tells that they run.
  parity_s=1 few="-k 26-1" sizes="--points 1000 --kernels 25 --repeats 1" tests=tests/test_gpu_build.py sanitizer=env
  export HANG=$WORK/lib/libcuda.so.1 HANG_SYMBOL=fake_hang
else
  parity_s=20 few="" sizes="--points 1000 10000 100000 1000000 --kernels 25 1000 --repeats 3 --slow-limit 2"
  tests="tests/test_gpu_build.py tests/test_gpu_driver.py tests/test_gpu_parity.py tests/test_gpu_processes.py
         tests/test_gpu_worth.py tests/probe/test_probe_gpu.py tests/probe/test_probe_nvml.py"
  sanitizer=compute-sanitizer
  nvidia-smi
  nvidia-smi -q -d CLOCK,POWER,COMPUTE,PERFORMANCE | head -60
  if command -v nvcc >/dev/null; then
    nvcc --version | tail -2
    printf '__global__ void spin() { while (true) __nanosleep(100); }\nextern "C" void hang(void*) { spin<<<1, 1>>>(); }\n' >"$WORK/hang.cu"
    nvcc -arch=native -shared -Xcompiler -fPIC -o "$WORK/libhang.so" "$WORK/hang.cu" && export HANG=$WORK/libhang.so
  fi
fi

# 1. What is there, and how long the device takes to open.
stage there 60 $PY "$DAY/there.py"

# 2. The kernel's densities on the hardware, from machine code and from PTX that the driver compiles.
stage gpu_tests 90 $PY -m pytest -p no:cacheprovider -q -s -m gpu $few "$ROOT/tests/gpu"
stage parity 60 env PARITY_S=$parity_s $PY "$DAY/parity.py"
if command -v nvcc >/dev/null; then
  nvcc -ptx -std=c++20 -O3 -arch=compute_75 -I "$ROOT/cpp" -o "$WORK/k75.ptx" "$ROOT/cpp/lehr/estimators/gpu/kernel.cu" &&
    printf '\0' >>"$WORK/k75.ptx" &&
    stage parity_ptx 60 env SEED=1 PARITY_S=$parity_s LEHR_CUDA_KERNEL="$WORK/k75.ptx" $PY "$DAY/parity.py"
else
  missing parity_ptx "no nvcc"
fi
for tool in memcheck racecheck; do
  if ! command -v $sanitizer >/dev/null; then
    missing "sanitize_$tool" "no compute-sanitizer"
  elif [ "$DRY" = 1 ]; then
    stage "sanitize_$tool" 45 env SEED=2 PARITY_S=1 $PY "$DAY/parity.py"
  else
    stage "sanitize_$tool" 45 env SEED=2 PARITY_S=4 $sanitizer --tool $tool --error-exitcode 77 $PY "$DAY/parity.py"
  fi
done

# 3. The probe beside PyTorch's events, the wall clock and NVML.
stage events 100 $PY "$DAY/events.py"

# 4. Trials that break a GPU: kill, memory that comes back, faults.
stage trials 150 $PY "$DAY/trials.py"

# 5. Side by side with PyTorch, and how processes end.
stage coexist 150 $PY "$DAY/coexist.py"

# 6. How fast scoring is, and from where on it pays.
stage bench 110 bash -c "set -o pipefail; $PY '$ROOT/bench/gpu_score.py' $sizes | tee '$OUT/gpu_score.jsonl'"

# 7. A build from source, and the tests beside a real driver.
if command -v cmake >/dev/null && command -v nvcc >/dev/null; then
  stage build 90 bash -c "cmake -S '$ROOT' -B '$WORK/b' -DLEHR_PYTHON=OFF -DLEHR_CUDA=ON >'$WORK/c.log' 2>&1 || { cat '$WORK/c.log'; exit 1; }
    grep 'GPU kernel' '$WORK/c.log'; cmake --build '$WORK/b' --target lehr_core_gpu_kernel"
else
  missing build "no cmake or no nvcc"
fi
stage tests 120 bash -c "cd '$ROOT' && $PY -m pytest -q -p no:cacheprovider $(echo $tests)"

say done
grep -c '"ok": false' "$OUT/rows.jsonl" | sed 's/^/failed checks: /'
grep '"ok": false' "$OUT/rows.jsonl" | cut -c1-300
exit $FAILED
