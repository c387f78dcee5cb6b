#!/bin/bash
# Builds streamview and runs its tests.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/test.sh [release | sqlite | asan | clang | tsan | clients]...

Installs what is missing, then builds and runs all tests in each of these ways, by default in the
first four; stops at the first that fails:

  release  optimised, in build/
  sqlite   the same in other versions of SQLite, from npm: what goes through its API (left out by default
           where npm is missing)
  asan     with the address and undefined-behaviour sanitizers, in build-asan/
  clang    by clang, which checks the lock annotations, in build-debug/
  tsan     with the thread sanitizer, in build-tsan/
  clients  only the tests with real clients, in build/; all of them, also those that take minutes to
           install (release has the others)
USAGE
}

cd "$(dirname "$0")/.."
presets=()
for part in "${@:-default}"; do
  case $part in
    default)
      presets+=(release)
      ! command -v npm > /dev/null || presets+=(sqlite)
      presets+=(asan-ubsan debug)
      ;;
    asan) presets+=(asan-ubsan) ;;
    clang) presets+=(debug) ;;
    release | sqlite | tsan | clients) presets+=("$part") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts/install-deps.sh test

# build <preset> <clients to test with>
build() {
  cmake --preset "$1" -DSTREAMVIEW_TESTS=ON -DSTREAMVIEW_CLIENT_TESTS="$2" > /dev/null &&
    cmake --build --preset "$1" --parallel "$(nproc)"
}
run() {
  case $1 in
    sqlite) build release ON && tests/sqlite/run.sh build ;;
    clients)
      scripts/install-deps.sh clients && build release ALL &&
        ctest --preset release --parallel "$(nproc)" --label-regex clients
      ;;
    *)
      build "$1" "$([[ $1 == release ]] && echo ON || echo OFF)" &&
        ctest --preset "$1" --parallel "$(nproc)"
      ;;
  esac
}

total=0
for preset in "${presets[@]}"; do
  echo "== $preset"
  log=$(mktemp)
  run "$preset" | tee "$log"
  while read -r count; do total=$((total + count)); done \
    < <(sed -nE 's/^100% tests passed, 0 tests failed out of ([0-9]+)$/\1/p' "$log")
  rm "$log"
done

# All parts together, in the words of ctest.
echo "== ${presets[*]}"
echo "100% tests passed, 0 tests failed out of $total"
