#!/usr/bin/env bash
# scripts/bench_step.sh -- training steps beside plain PyTorch and OpenCLIP, in turns: one line of JSON.
# usage: scripts/bench_step.sh [--rounds N] [--peers [pytorch] [open_clip]] [--traces FOLDER] [--arch ViT-B-16] [--pairs 8] [--precision bf16|fp32] [--device cpu|cuda] [...]
# More options: build/bin/longclip_step_bench --help. Nothing else should run meanwhile; no data are needed.
source "$(dirname "$0")/bench_build.bash"
build_targets longclip_step_bench
exec "$python" scripts/bench_step.py --bench "$build/bin/longclip_step_bench" "$@"
