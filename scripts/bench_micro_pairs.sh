#!/usr/bin/env bash
# scripts/bench_micro_pairs.sh -- steps of 256 pairs at once and in parts of 8 (memory.micro_pairs_per_rank): time, memory, first loss and gradient; JSON.
# usage: scripts/bench_micro_pairs.sh [--rounds N] [--arch PRESET]    Nothing else should run meanwhile; needs 24 GB of memory.
source "$(dirname "$0")/bench_build.bash"
build_targets longclip
exec "$python" scripts/bench_program.py micro_pairs --build "$build" "$@"
