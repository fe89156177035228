#!/usr/bin/env bash
# tests/package/run.sh -- installs a built longclip into a temporary folder, then builds and runs a project that finds it there.
# usage: tests/package/run.sh BUILD_FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset TORCH_DIR  # the package must know where its LibTorch is

cmake --install "$1" --prefix "$work/prefix" >"$work/install.txt"
echo "installed $(wc -l <"$work/install.txt") files"
cmake -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release >"$work/configure.txt" ||
  { cat "$work/configure.txt"; exit 1; }
cmake --build "$work/build"
[[ $("$work/build/longclip_user") == "context_length 77" ]]
"$work/prefix/bin/longclip" --version
echo "package: installed, found, linked, run"
