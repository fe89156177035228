#!/usr/bin/env bash
# scripts/demo.sh -- sets up, builds the program and runs `longclip demo`: a small CLIP made, stretched, fine-tuned, measured.
# usage: scripts/demo.sh [arguments for longclip demo]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
  sed -n '2,3s/^# //p' "$root/scripts/demo.sh"
  [[ ! -x $root/build/bin/longclip ]] || "$root/build/bin/longclip" demo --help
  exit 0
fi
(
  cd "$root"
  scripts/setup.sh
  mkdir -p build
  cmake --preset release ${TORCH_DIR:+-DTORCH_DIR="$TORCH_DIR"} >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
  grep -E 'LibTorch:' build/configure.log
  cmake --build build --target longclip
)
# On a busy machine GNU OpenMP's threads wait actively for each other and take many times longer.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
exec "$root/build/bin/longclip" demo "$@"
