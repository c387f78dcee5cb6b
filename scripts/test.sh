#!/bin/bash
# Builds streamview and runs its tests.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/test.sh [release | sqlite | bundled | asan | clang | upgrade | tsan | clients | debian13]...

Installs what is missing, then builds and runs all tests in each of these ways, by default in the first
four; stops at the first that fails. Its last lines say what was left out:

  release  optimised, on the system's RocksDB, in build/
  sqlite   the same in other versions of SQLite, from npm: what goes through its API (left out by default
           where npm is missing)
  bundled  optimised and self-contained, on the bundled RocksDB, in build-bundled/; a log moves between
           this build and the one in build/; of what goes through SQLite only what depends on RocksDB
           and on being self-contained
  asan     with the address and undefined-behaviour sanitizers, in build-asan/; without these and
           the longest random ones
  clang    by clang, in build-debug/ (scripts/check.sh fuzz compiles by clang, too, which checks the lock
           annotations)
  upgrade  no tests, but an upgrade from Debian 12 to 13, and back: a log moves between the builds in
           build/ and build-bundled/ and, in Debian 13, one on its RocksDB, in build-debian13/, and that in
           build-bundled/; needs root, mmdebstrap and Debian 12
  tsan     with the thread sanitizer, in build-tsan/
  clients  only the tests with real clients, in build/; all of them, also those that take minutes to
           install (release has the others)
  debian13 in Debian 13 (scripts/in-debian13.sh --help): on its RocksDB in build-debian13/, and on the
           bundled one in build-debian13-bundled/; a log moves between these and the build in build/
USAGE
}

cd "$(dirname "$0")/.."
parts=()
left_out=()

# by_default <part> <reason not to run it, if there is one>
by_default() {
  if [[ $2 ]]; then left_out+=("$1 ($2)"); else parts+=("$1"); fi
}
without_npm() { command -v npm > /dev/null || echo "npm is missing"; }
without_debian13() {
  if ((EUID != 0)); then
    echo "needs root"
  elif ! command -v mmdebstrap > /dev/null; then
    echo "mmdebstrap is missing"
  elif [[ $(cat /etc/debian_version 2> /dev/null) != 12* ]]; then
    echo "this is not Debian 12"
  fi
}

for part in "${@:-default}"; do
  case $part in
    default)
      scripts/install-deps.sh test
      by_default release ''
      by_default sqlite "$(without_npm)"
      for other in bundled asan; do by_default $other ''; done
      left_out+=(clang upgrade debian13 tsan 'clients (the large ones)')
      ;;
    release | sqlite | bundled | asan | clang | tsan | clients) parts+=("$part") ;;
    upgrade | debian13)
      ((EUID != 0)) || scripts/install-deps.sh debian13
      [[ -z $(without_debian13) ]] || { echo "test: $part: $(without_debian13)" >&2; exit 1; }
      parts+=("$part")
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

jobs=$(nproc)
scripts/install-deps.sh test

# build <preset> <clients to test with> [<target>...]
build() {
  local preset=$1 clients=$2
  shift 2
  cmake --preset "$preset" -DSTREAMVIEW_TESTS=ON -DSTREAMVIEW_CLIENT_TESTS="$clients" > /dev/null &&
    cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
}

# build_and_test <preset> <clients to test with> [<argument of ctest>...]: many tests wait for others.
build_and_test() {
  build "$1" "$2" && ctest --preset "$1" --parallel $((jobs + (jobs + 1) / 2)) "${@:3}"
}
# What shows of RocksDB through SQLite: files, disks that fail, kills, hosts.
readonly OF_ROCKSDB='(Damage|Soak|FullDisk|Backup|Files|Hosts?(Build|Process)|Limits|Load|Locks|Model|Upgrade|Workload)'
# The kills at each step of a COMMIT, and long runs, are of processes, and say nothing more with
# sanitizers.
readonly WITHOUT_LONG=(--exclude-regex '^EachStep/|SharingSoakTest|TwoHundredRandomDamages')

# test_move <command of one shell> <command of the other>: counted as a test of ctest's is. The directory
# is at the same path in Debian 13.
test_move() {
  local directory status=0
  directory=$(mktemp -d "$PWD/build/move.XXXXXX")
  tests/package/move.sh "$directory/log" "$1" "$2" || status=$?
  rm -rf "$directory"
  ((status == 0)) && echo "100% tests passed, 0 tests failed out of 1"
}
# shell <build directory>: the command of a shell with the extension.
shell() { echo "sqlite3 -batch -cmd '.load $PWD/$1/streamview'"; }
shell13() { echo "$PWD/scripts/in-debian13.sh $(shell "$1")"; }

# in_debian13 <build directory> <RocksDB> <tests: regular expression, or nothing for all> [<target>...]
in_debian13() {
  # shellcheck disable=SC2016  # expanded inside
  scripts/in-debian13.sh bash -euo pipefail -c '
    cmake -S . -B "$1" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSTREAMVIEW_TESTS=ON -DSTREAMVIEW_ROCKSDB="$2" > /dev/null
    cmake --build "$1" --parallel "$(nproc)" ${4:+--target "${@:4}"}
    ctest --test-dir "$1" ${3:+--tests-regex "$3"} --output-on-failure --parallel "$(nproc)"' bash "$@"
}

run() {
  case $1 in
    release) build_and_test release ON ;;
    sqlite) build release ON && tests/sqlite/run.sh build ;;
    bundled)
      build_and_test bundled OFF --label-exclude '^ext$' &&
        ctest --preset bundled --parallel "$jobs" --label-regex '^ext$' --tests-regex "$OF_ROCKSDB" &&
        build release ON streamview &&
        test_move "$(shell build)" "$(shell build-bundled)"
      ;;
    asan) build_and_test asan-ubsan OFF "${WITHOUT_LONG[@]}" ;;
    clang) build_and_test debug OFF ;;
    tsan) build_and_test tsan OFF ;;
    clients)
      scripts/install-deps.sh clients && build release ALL &&
        ctest --preset release --parallel "$jobs" --label-regex clients
      ;;
    upgrade)
      in_debian13 build-debian13 system '^sql\.(quickstart|symbols)$' streamview &&
        build release ON streamview && build bundled OFF streamview &&
        test_move "$(shell build)" "$(shell13 build-debian13)" &&
        test_move "$(shell13 build-bundled)" "$(shell build-bundled)"
      ;;
    debian13)
      in_debian13 build-debian13 system '' && in_debian13 build-debian13-bundled bundled '' &&
        build release ON streamview &&
        test_move "$(shell build)" "$(shell13 build-debian13)" &&
        test_move "$(shell build)" "$(shell13 build-debian13-bundled)"
      ;;
  esac
}

total=0
for part in "${parts[@]}"; do
  echo "== $part"
  log=$(mktemp)
  run "$part" | tee "$log"
  while read -r count; do total=$((total + count)); done \
    < <(sed -nE 's/^100% tests passed, 0 tests failed out of ([0-9]+)$/\1/p' "$log")
  rm "$log"
done

# All parts together, in the words of ctest.
echo "== ${parts[*]}"
for part in "${left_out[@]}"; do echo "left out: $part"; done
echo "100% tests passed, 0 tests failed out of $total"
