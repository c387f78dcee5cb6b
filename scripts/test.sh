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
clients=
for part in "${@:-default}"; do
  case $part in
    default)
      presets+=(release)
      ! command -v npm > /dev/null || presets+=(sqlite)
      presets+=(asan-ubsan debug)
      ;;
    asan) presets+=(asan-ubsan) ;;
    clang) presets+=(debug) ;;
    clients) clients=1 ;;
    release | sqlite | tsan) presets+=("$part") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

total=0

# count <log>: adds what ctest says in it.
count() {
  local passed
  while read -r passed; do total=$((total + passed)); done \
    < <(sed -nE 's/^100% tests passed, 0 tests failed out of ([0-9]+)$/\1/p' "$1")
  rm "$1"
}

# build <preset> <clients to test with>
build() {
  cmake --preset "$1" -DSTREAMVIEW_TESTS=ON -DSTREAMVIEW_CLIENT_TESTS="$2" > /dev/null
  cmake --build --preset "$1" --parallel "$(nproc)"
}

# run <preset> <clients to test with> <option of ctest>...
run() {
  local log
  build "$1" "$2"
  log=$(mktemp)
  ctest --preset "$1" --parallel "$(nproc)" "${@:3}" | tee "$log"
  count "$log"
}

run_in_other_versions() {
  local log
  build release ON
  log=$(mktemp)
  tests/sqlite/run.sh build | tee "$log"
  count "$log"
}

((${#presets[@]} == 0)) || scripts/install-deps.sh test
for preset in "${presets[@]}"; do
  echo "== $preset"
  case $preset in
    release) run "$preset" ON ;;
    sqlite) run_in_other_versions ;;
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
