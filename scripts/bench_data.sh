#!/usr/bin/env bash
# scripts/bench_data.sh -- the input side against what others use, each pair in turns: one line of JSON for each row.
# usage: scripts/bench_data.sh DATA [--rounds N] [--only images|tokens|loader]    DATA: a folder with triples.jsonl and pictures
# Images: torchvision + Pillow; tokens: Hugging Face tokenizers; loader: torch's DataLoader. They need scripts/setup.sh
# --full-wheel; what is missing is said and left out. Nothing else should run meanwhile.
source "$(dirname "$0")/bench_build.bash"
build_targets longclip_data_bench longclip
exec "$python" scripts/bench_data.py --build "$build" "$@"
