#!/usr/bin/env bash
# scripts/gpu_check.sh -- on a machine with a GPU, nvcc and LibTorch: builds and runs the [.gpu] tests and the step benchmark.
# Needs no OpenCV, ICU or yaml-cpp. The header-only libraries come from .deps/headers (scripts/collect_headers.sh, run elsewhere).
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $# -gt 0 ]]; then
  echo "usage: scripts/gpu_check.sh
TORCH_DIR    LibTorch; default: .venv, else the torch of python3
BUILD_DIR    default build-gpu
LONGCLIP_GOLDEN_DIR, LONGCLIP_DATA_DIR    reference values and data, where the tests use them"
  [[ $1 == --help || $1 == -h ]]
  exit
fi
fail() { echo "gpu_check: $*" >&2; exit 1; }

export PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU || fail "there is no NVIDIA GPU here (nvidia-smi lists none)"
command -v cmake >/dev/null || fail "there is no cmake here"
command -v nvcc >/dev/null || fail "there is no nvcc here (neither on PATH nor in \$CUDA_HOME/bin or /usr/local/cuda/bin)"
[[ -f .deps/headers/catch2/catch.hpp ]] || fail "there is no .deps/headers: run scripts/collect_headers.sh on the machine that has the libraries, and bring .deps along"
if [[ -z ${TORCH_DIR:-} ]]; then
  TORCH_DIR=$(compgen -G '.venv/lib/python3*/site-packages/torch' || python3 -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])' 2>/dev/null) ||
    fail "there is no LibTorch here: set TORCH_DIR to the folder that holds its include/ and lib/"
fi
card=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1)
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1)
echo "gpu_check: $card (compute capability $arch), LibTorch $TORCH_DIR"

build=${BUILD_DIR:-build-gpu}
mkdir -p "$build"
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)
cmake -S . -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DLONGCLIP_TORCH_ONLY=ON -DLONGCLIP_BENCHMARKS=ON \
  -DLONGCLIP_HEADERS="$PWD/.deps/headers" -DLONGCLIP_CUDA=ON -DTORCH_DIR="$TORCH_DIR" -DTORCH_CUDA_ARCH_LIST="$arch" \
  -DLONGCLIP_WERROR=OFF >"$build/configure.log" || { cat "$build/configure.log"; fail "the configuration failed"; }

# Only what has [.gpu] cases is built, and the benchmark.
targets=()
for folder in $(grep -rl '\[\.gpu\]' tests/src | cut -d/ -f3 | sort -u); do
  targets+=("longclip_${folder}_test")
done
[[ ${#targets[@]} -gt 0 ]] || fail "no test under tests/src has the tag [.gpu]"
SECONDS=0
cmake --build "$build" --parallel "$(nproc)" --target "${targets[@]}" longclip_step_bench
echo "gpu_check: built in $SECONDS s"

failed=()
for target in "${targets[@]}"; do
  echo "gpu_check: $target"
  "$build/bin/$target" "[gpu]" -w NoTests || failed+=("$target")
done
for work in "--arch ViT-B-16 --pairs 128" "--arch ViT-B-16 --pairs 128 --cuda-graphs" "--arch ViT-B-16 --pairs 32 --precision fp32" "--arch ViT-L-14 --pairs 64"; do
  echo "gpu_check: step benchmark on $card: $work"
  # shellcheck disable=SC2086  # several words
  "$build/bin/longclip_step_bench" --device cuda $work || failed+=("longclip_step_bench $work")
done
if [[ ${#failed[@]} -gt 0 ]]; then
  fail "failed: ${failed[*]}"
fi
echo "gpu_check: all passed on $card in $SECONDS s after the configuration"
