#!/usr/bin/env bash
# scripts/bench_ranks.sh -- how much of a step is communication: N ranks together against N runs side by side that do not talk.
# Both keep the machine equally busy and have the same pairs on each rank, so the difference is communication that the
# backward pass does not hide. Prints one line of JSON.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/bench_ranks.sh CONFIG [--ranks 2] [--pairs-per-rank 8] [--steps 12] [--repeats 3] [--set a.b=c]...

CONFIG is any experiment of longclip train; nothing is written into its run.dir. On a CPU each rank gets its share of the
cores; on GPUs each its own card. The first two steps of each run do not count; the two sides take turns.
TEXT
}
[[ $# -ge 1 && $1 != -h && $1 != --help ]] || { usage; exit $(($# < 1 ? 2 : 0)); }
config=$1
shift
ranks=2 pairs=8 steps=12 repeats=3 more=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --ranks) ranks=$2 ;;
    --pairs-per-rank) pairs=$2 ;;
    --steps) steps=$2 ;;
    --repeats) repeats=$2 ;;
    --set) more+=(--set "$2") ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done

program=${LONGCLIP_PROGRAM:-build/bin/longclip}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(($(nproc) / ranks > 0 ? $(nproc) / ranks : 1))} OMP_WAIT_POLICY=passive

# train DIR PAIRS: one process, with the ranks' variables if they are set
train() {
  "$program" train "$config" --set "run.dir=$1" --set "data.pairs_per_step=$2" --set "schedule.steps=$steps" --set checkpoint.every_steps=0 \
    --set checkpoint.every_minutes=0 --set log.level=warning --set log.tensorboard=false ${more[@]+"${more[@]}"}
}
port() { # one that is free now
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
together() {
  local master_port
  master_port=$(port)
  for ((rank = 0; rank < ranks; ++rank)); do
    RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$ranks LOCAL_WORLD_SIZE=$ranks MASTER_ADDR=127.0.0.1 MASTER_PORT=$master_port \
      train "$work/together_$1" $((ranks * pairs)) &
  done
  wait
}
side_by_side() {
  for ((rank = 0; rank < ranks; ++rank)); do
    CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-$rank} train "$work/alone_$1_$rank" "$pairs" &
  done
  wait
}

for ((repeat = 0; repeat < repeats; ++repeat)); do
  side_by_side "$repeat" >&2
  together "$repeat" >&2
done
python3 - "$work" "$ranks" "$pairs" <<'PYTHON'
import json, pathlib, platform, statistics, sys

work, ranks, pairs = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


def step_seconds(pattern):
    """Median step of each run."""
    runs = []
    for run in sorted(work.glob(pattern)):
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        runs.append(statistics.median(line["step_seconds"] - line["data_wait_seconds"] for line in lines[2:]))
    if not runs:
        sys.exit(f"no run {pattern} ended well")
    return runs


alone, together = step_seconds("alone_*"), step_seconds("together_*")
one, many = statistics.median(alone), statistics.median(together)
print(json.dumps({
    "what": "communication that is not hidden",
    "machine": platform.processor() or platform.machine(),
    "ranks": ranks,
    "pairs_per_rank": pairs,
    "side_by_side_step_seconds": round(one, 4),
    "together_step_seconds": round(many, 4),
    "ratio": round(many / one, 3),
    "share_not_hidden": round(1 - one / many, 3),
    "spread": {"side_by_side": [round(min(alone), 4), round(max(alone), 4)], "together": [round(min(together), 4), round(max(together), 4)]},
}))
PYTHON
