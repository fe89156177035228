#!/usr/bin/env bash
# scripts/launch.sh -- trains on one machine or on many, with torchrun's options; the work is done by `longclip launch`.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/launch.sh [OPTIONS] CONFIG [options of longclip train]

  scripts/launch.sh --nproc-per-node 2 configs/smoke_cpu.yaml
  scripts/launch.sh --nnodes 2 --node-rank 0 --master-addr node0 mine.yaml      on the first machine
  scripts/launch.sh --nnodes 2 --node-rank 1 --master-addr node0 mine.yaml      on the second

  --nproc-per-node N   processes on this machine; auto (the default): one for each GPU, or one
  --nnodes N           machines; 1
  --node-rank R        which of them this is, from 0; 0
  --master-addr HOST   the first machine as the others reach it
  --master-port PORT   a free port there; 29500 with several machines
  --max-restarts N     after a failure all processes start again from the last checkpoint, this often; 0
Environment:
  LONGCLIP_PROGRAM     the program; default: build/bin/longclip of this project, or longclip of PATH
The exit code is that of the process that failed first; 143 and 130: stopped by SIGTERM or Ctrl-C, a checkpoint is saved.
TEXT
}

fail() { echo "launch.sh: error: $*" >&2; exit 2; }

options=()
while [[ $# -gt 0 && $1 == -* ]]; do
  name=${1%%=*}
  if [[ $1 == *=* ]]; then value=${1#*=}; taken=1; else value=${2-}; taken=2; fi
  case "${name//_/-}" in
    -h | --help) usage; exit 0 ;;
    --) shift; break ;;
    --nproc-per-node) option=--nproc ;;
    --nnodes | --node-rank | --master-addr | --master-port | --max-restarts) option=${name//_/-} ;;
    *) usage >&2; fail "unknown option $1" ;;
  esac
  [[ -n $value ]] || fail "$name needs a value"
  options+=("$option" "$value")
  shift "$taken"
done
[[ $# -gt 0 ]] || { usage >&2; fail "CONFIG is missing"; }

program=${LONGCLIP_PROGRAM:-$(dirname "$0")/../build/bin/longclip}
[[ -x $program ]] || program=$(command -v longclip) || fail "longclip is not built: run scripts/test.sh, or set LONGCLIP_PROGRAM"
exec "$program" launch "${options[@]}" -- "$@"
