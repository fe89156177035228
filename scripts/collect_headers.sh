#!/usr/bin/env bash
# scripts/collect_headers.sh -- copies the header-only libraries into .deps/headers, for a machine that has only LibTorch and nvcc.
# usage: scripts/collect_headers.sh      run where scripts/setup.sh has run, then take .deps along; scripts/gpu_check.sh uses it
set -euo pipefail
cd "$(dirname "$0")/.."
[[ $# -eq 0 ]] || { sed -n '2,3s/^# //p' "$0"; [[ $1 == --help || $1 == -h ]]; exit; }

rm -rf .deps/headers
mkdir -p .deps/headers
for header in spdlog/spdlog.h fmt/format.h nlohmann/json.hpp CLI/CLI.hpp catch2/catch.hpp; do
  folder=${header%%/*}
  for prefix in /usr/include /usr/local/include; do
    if [[ -f $prefix/$header && ! -e .deps/headers/$folder ]]; then
      cp -rL "$prefix/$folder" .deps/headers/
    fi
  done
  if [[ ! -e .deps/headers/$folder ]]; then
    echo "collect_headers: $header was not found (scripts/setup.sh installs it; of Catch2, version 2 is one header, 3 is not)" >&2
    exit 1
  fi
done
echo "collect_headers: $(find .deps/headers -type f | wc -l) headers, $(du -sh .deps/headers | cut -f1), in .deps/headers"
