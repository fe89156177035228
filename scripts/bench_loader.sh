#!/usr/bin/env bash
# scripts/bench_loader.sh -- rows/s of the batch loader with 1, 2 and 4 threads, from the pictures and from the crop cache, beside
# torch's DataLoader with as many processes: one line of JSON a row.   usage: scripts/bench_loader.sh DATA [--rounds N]
exec "$(dirname "$0")/bench_data.sh" "$@" --only loader
