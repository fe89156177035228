#!/usr/bin/env bash
# scripts/bench_coarse.sh -- the coarse features of 256 x 512 and 1024 x 768 rows, forward and backward, beside the SVD and its autograd: JSON.
# usage: scripts/bench_coarse.sh [--rounds N] [--arch PRESET]    Nothing else should run meanwhile; needs scripts/setup.sh --full-wheel.
source "$(dirname "$0")/bench_build.bash"
build_targets longclip_kernel_bench
exec "$python" scripts/bench_program.py coarse --build "$build" "$@"
