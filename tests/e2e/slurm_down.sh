#!/usr/bin/env bash
# tests/e2e/slurm_down.sh -- ends what slurm_up.sh started in SLURM_DIR, by the process ids that the daemons wrote.
set -uo pipefail
d=${SLURM_DIR:?the folder given to slurm_up.sh}
export SLURM_CONF="$d/slurm.conf"

# runs_as PID NAME: a number that another process has by now is left alone
runs_as() { [[ -n $1 && $(cat "/proc/$1/comm" 2>/dev/null) == "$2" ]]; }

if runs_as "$(cat "$d/run/slurmctld.pid" 2>/dev/null)" slurmctld; then
  scancel --user "$(id -un)" 2>/dev/null
  for ((try = 0; try < 100; ++try)); do
    [[ -z $(squeue -h 2>/dev/null) ]] && break
    sleep 0.2
  done
fi
for file in "$d"/run/slurmd-*.pid "$d/run/slurmctld.pid" "$d/run/munged.pid"; do
  pid=$(cat "$file" 2>/dev/null) || continue
  name=$(basename "$file" .pid)
  name=${name%%-*}
  runs_as "$pid" "$name" || continue
  kill -TERM "$pid"
  for ((try = 0; try < 50; ++try)); do
    runs_as "$pid" "$name" || break
    sleep 0.2
  done
  if runs_as "$pid" "$name"; then kill -KILL "$pid"; fi
done
