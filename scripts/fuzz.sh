#!/usr/bin/env bash
# scripts/fuzz.sh -- builds the libFuzzer targets of tests/fuzz with clang, ASan and UBSan, and runs each for a while.
# The inputs that were found stay in build-fuzz/corpus and are where the next run begins.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/fuzz.sh [SECONDS [TARGET...]]

Runs each target for SECONDS (default 60), all of them or those named (image, json, tokenizer, ...).
A finding ends it with exit code 1; the input lies in build-fuzz/findings and is run again by
  build-fuzz/bin/TARGET_fuzz FILE
Needs clang and its libFuzzer: apt-get install clang libclang-rt-dev (scripts/setup.sh --fuzz installs it).
TEXT
}

case "${1:-}" in -h | --help) usage; exit 0 ;; esac
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }
shift || true
command -v clang++ >/dev/null || { echo "fuzz: error: clang++ is missing: apt-get install clang libclang-rt-dev (or scripts/setup.sh --fuzz)" >&2; exit 1; }

cmake -S . -B build-fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DLONGCLIP_FUZZ=ON -DLONGCLIP_WERROR=OFF >/dev/null
cmake --build build-fuzz
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "$source" _fuzz.cpp)"); done
fi
mkdir -p build-fuzz/findings

# An input that took 5 s of wall time on a busy machine is a finding only if it takes 5 s of the processor alone, too.
was_only_starved() {
  local inputs=(build-fuzz/findings/"$1"-*)
  [[ ${#inputs[@]} -eq 1 && ${inputs[0]} == */"$1"-timeout-* ]] || return 1
  (ulimit -t 5 && exec build-fuzz/bin/"$1_fuzz" "${inputs[0]}") >/dev/null 2>&1 || return 1
  rm "${inputs[0]}"
}

fuzz() {
  local target=$1 left=$2 log=build-fuzz/$1.log start
  local corpus=build-fuzz/corpus/$target inputs
  mkdir -p "$corpus"
  inputs=("$corpus")
  [[ ! -d tests/fuzz/seeds/$target ]] || inputs+=("tests/fuzz/seeds/$target")
  echo "fuzz: $target for $left s, from $(find "${inputs[@]}" -type f | wc -l) inputs"
  : >"$log"
  while [[ $left -gt 0 ]]; do
    start=$SECONDS
    # A picture that takes over 5 s or 1 GiB is a finding too.
    build-fuzz/bin/"${target}_fuzz" "${inputs[@]}" -max_total_time="$left" -timeout=5 -rss_limit_mb=1024 -max_len=65536 \
      -artifact_prefix=build-fuzz/findings/"$target-" -print_final_stats=1 2>>"$log" && break
    was_only_starved "$target" ||
      { tail -40 "$log"; echo "fuzz: error: $target found something: build-fuzz/findings" >&2; return 1; }
    left=$((left - (SECONDS - start)))
  done
  grep -E "stat::number_of_executed_units|stat::peak_rss_mb" "$log"
}

for target in "${targets[@]}"; do fuzz "$target" "$seconds"; done
