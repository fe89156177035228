#!/usr/bin/env bash
# scripts/bench_checkpoint.sh -- how long the steps of ViT-B/16 wait for a checkpoint, beside torch.save of as many bytes: JSON.
# usage: scripts/bench_checkpoint.sh [--rounds N] [--arch PRESET]    Nothing else should run meanwhile; needs scripts/setup.sh --full-wheel.
source "$(dirname "$0")/bench_build.bash"
build_targets longclip
exec "$python" scripts/bench_program.py checkpoint --build "$build" "$@"
