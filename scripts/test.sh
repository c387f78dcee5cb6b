#!/bin/bash
# Builds streamview and runs its tests.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/test.sh [release | asan | clang | tsan]...

Installs what is missing, then builds and runs all tests in each of these ways, by default in the
first three; stops at the first that fails:

  release  optimised, in build/
  asan     with the address and undefined-behaviour sanitizers, in build-asan/
  clang    by clang, which checks the lock annotations, in build-debug/
  tsan     with the thread sanitizer, in build-tsan/
USAGE
}

cd "$(dirname "$0")/.."
presets=()
for part in "${@:-default}"; do
  case $part in
    default) presets+=(release asan-ubsan debug) ;;
    asan) presets+=(asan-ubsan) ;;
    clang) presets+=(debug) ;;
    release | tsan) presets+=("$part") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts/install-deps.sh test

total=0
for preset in "${presets[@]}"; do
  echo "== $preset"
  cmake --preset "$preset" -DSTREAMVIEW_TESTS=ON > /dev/null
  cmake --build --preset "$preset" --parallel "$(nproc)"
  log=$(mktemp)
  ctest --preset "$preset" --parallel "$(nproc)" | tee "$log"
  count=$(sed -nE 's/^100% tests passed, 0 tests failed out of ([0-9]+)$/\1/p' "$log")
  rm "$log"
  total=$((total + count))
done

# All parts together, in the words of ctest.
echo "== ${presets[*]}"
echo "100% tests passed, 0 tests failed out of $total"
