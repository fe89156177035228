#!/usr/bin/env bash
# scripts/bench_step.sh -- builds the step benchmark and runs it: prints one line of JSON on stdout, everything else on stderr.
# usage: scripts/bench_step.sh [--arch ViT-B-16] [--pairs N] [--precision bf16|fp32] [...]   all options: --help
# Needs what scripts/setup.sh installs, nothing else on the machine while it runs, and no data.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
{
  cmake --preset release -DLONGCLIP_BENCHMARKS=ON ${TORCH_DIR:+-DTORCH_DIR="$TORCH_DIR"} >build/configure.log 2>&1 ||
    { cat build/configure.log; exit 1; }
  cmake --build build --target longclip_step_bench
} >&2
exec build/bin/longclip_step_bench "$@"
