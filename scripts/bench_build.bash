# scripts/bench_build.bash -- sourced by scripts/bench_*.sh: $build, $python, and build_targets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${LONGCLIP_BUILD:-build}
python=${PYTHON:-.venv/bin/python}
[[ -x $(command -v "$python") ]] || python=python3

build_targets() { # what cmake says goes to stderr, so that stdout is JSON
  {
    [[ -f $build/build.ninja ]] || cmake --preset release -B "$build" ${TORCH_DIR:+-DTORCH_DIR="$TORCH_DIR"}
    cmake -S . -B "$build" -DLONGCLIP_BENCHMARKS=ON
    cmake --build "$build" --target "$@"
  } >&2
}
