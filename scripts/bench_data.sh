#!/usr/bin/env bash
# scripts/bench_data.sh -- the input side against what others use, each pair in turns: one line of JSON for each row.
# usage: scripts/bench_data.sh DATA [--rounds N] [--only images|tokens|loader]    DATA: a folder with triples.jsonl and pictures
# Images: torchvision + Pillow; tokens: Hugging Face tokenizers. Both need scripts/setup.sh --full-wheel;
# what is missing is said and left out. Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${LONGCLIP_BUILD:-build}
{
  [[ -f $build/build.ninja ]] || cmake --preset release -DLONGCLIP_BENCHMARKS=ON ${TORCH_DIR:+-DTORCH_DIR="$TORCH_DIR"}
  cmake -S . -B "$build" -DLONGCLIP_BENCHMARKS=ON
  cmake --build "$build" --target longclip_data_bench longclip
} >&2
python=${PYTHON:-.venv/bin/python}
[[ -x $(command -v "$python") ]] || python=python3
exec "$python" scripts/bench_data.py --build "$build" "$@"
