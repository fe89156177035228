#!/usr/bin/env bash
# scripts/bench_startup.sh -- from the start of `longclip train` on a tiny model to the end of its first step, beside the same step of PyTorch: JSON.
# usage: scripts/bench_startup.sh [--rounds N] [--arch PRESET]    Nothing else should run meanwhile; needs scripts/setup.sh --full-wheel.
source "$(dirname "$0")/bench_build.bash"
build_targets longclip longclip_step_bench
exec "$python" scripts/bench_program.py startup --build "$build" "$@"
