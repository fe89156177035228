#!/usr/bin/env bash
# scripts/test.sh -- sets up, builds everything and runs all tests that need no GPU, with a summary for each kind of test.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  -h | --help)
    cat <<'TEXT'
usage: scripts/test.sh [arguments for ctest]

Sets up (scripts/setup.sh), builds (preset release, folder build) and runs the tests through CTest, for example
  scripts/test.sh                  everything
  scripts/test.sh -L golden        one kind: unit, golden, dist, e2e, python
  scripts/test.sh -R '^model'      the tests of one folder
Reference values are looked for in ../shared/golden and ../shared/data, or in LONGCLIP_GOLDEN_DIR and LONGCLIP_DATA_DIR;
what is skipped for want of them is listed.
TEXT
    exit 0 ;;
esac

scripts/setup.sh --test-packages
mkdir -p build
cmake --preset release ${TORCH_DIR:+-DTORCH_DIR="$TORCH_DIR"} >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
grep -E 'LibTorch:|left out' build/configure.log || true
cmake --build build

# On a busy machine GNU OpenMP's threads wait actively for each other and take many times longer.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
rm -f build/tests.xml
status=0
ctest --test-dir build --no-tests=error --output-on-failure --output-junit tests.xml \
  --test-output-size-passed 10000000 --test-output-size-failed 10000000 "$@" || status=$?
if [[ -f build/tests.xml ]]; then
  python3 scripts/summarize_tests.py build/tests.xml || status=1
fi
exit "$status"
