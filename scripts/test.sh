#!/bin/bash
# Builds streamview and runs its tests.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/test.sh [release | asan | clang | tsan | clients]...

Installs what is missing, then builds and runs all tests in each of these ways, by default in the
first three; stops at the first that fails:

  release  optimised, in build/
  asan     with the address and undefined-behaviour sanitizers, in build-asan/
  clang    by clang, which checks the lock annotations, in build-debug/
  tsan     with the thread sanitizer, in build-tsan/
  clients  only the tests with real clients, in build/; all of them, also those that take minutes to
           install (release has the others)
USAGE
}

cd "$(dirname "$0")/.."
presets=()
clients=
for part in "${@:-default}"; do
  case $part in
    default) presets+=(release asan-ubsan debug) ;;
    asan) presets+=(asan-ubsan) ;;
    clang) presets+=(debug) ;;
    clients) clients=1 ;;
    release | tsan) presets+=("$part") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

total=0

# run <preset> <clients to test with> <option of ctest>...
run() {
  local log count
  cmake --preset "$1" -DSTREAMVIEW_TESTS=ON -DSTREAMVIEW_CLIENT_TESTS="$2" > /dev/null
  cmake --build --preset "$1" --parallel "$(nproc)"
  log=$(mktemp)
  ctest --preset "$1" --parallel "$(nproc)" "${@:3}" | tee "$log"
  count=$(sed -nE 's/^100% tests passed, 0 tests failed out of ([0-9]+)$/\1/p' "$log")
  rm "$log"
  total=$((total + count))
}

((${#presets[@]} == 0)) || scripts/install-deps.sh test
for preset in "${presets[@]}"; do
  echo "== $preset"
  case $preset in
    release) run "$preset" ON ;;
    *) run "$preset" OFF ;;
  esac
done
if [[ $clients ]]; then
  echo "== clients"
  scripts/install-deps.sh clients
  run release ALL --label-regex clients
fi

# All parts together, in the words of ctest.
parts=("${presets[@]}" ${clients:+clients})
echo "== ${parts[*]}"
echo "100% tests passed, 0 tests failed out of $total"
