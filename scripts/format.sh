#!/usr/bin/env bash
# scripts/format.sh -- formats every C++ and CUDA file of the project by .clang-format.
# usage: scripts/format.sh [--check]     --check changes nothing, lists what differs and fails if anything does
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-format >/dev/null || { echo "format: clang-format is missing: apt-get install clang-format" >&2; exit 1; }
mapfile -t files < <(git ls-files '*.h' '*.cpp' '*.cu')
case "${1:-}" in
  "") clang-format -i "${files[@]}" ;;
  --check) clang-format --dry-run --Werror "${files[@]}" ;;
  *) sed -n '2,3s/^# //p' "$0"; [[ $1 == --help || $1 == -h ]] ;;
esac
