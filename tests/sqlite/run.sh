#!/bin/bash
# Runs the tests through SQLite's API, as they are built, in other versions of SQLite.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/sqlite/run.sh <build directory>

The extension, its tests and a small shell are those of the build directory: one extension must do in
all versions of SQLite, whichever headers it was compiled with. tests/sqlite/versions lists them: the
newest has to pass all tests, the oldest a choice of them, and what is older still must be refused.
USAGE
}

[[ $# -eq 1 && $1 != -* ]] || { usage >&2; exit 2; }
here=$(realpath "$(dirname "$0")")
build=$(realpath "$1")
"$here/build.sh" "$build/sqlite"

expect_refusal() {
  local version=$1 said
  said=$(LD_LIBRARY_PATH=$build/sqlite/$version "$build/tests/small_shell" :memory: \
    <<< ".load $build/streamview" 2>&1) && { echo "SQLite $version is not refused" >&2; exit 1; }
  [[ $said == *"streamview needs SQLite 3.38 or newer; this is $version" ]] && return
  echo "SQLite $version is refused by: $said" >&2
  exit 1
}

# run_tests <version> <regular expression of the tests' names>: of the kills at each step of a COMMIT those
# of a client, which has SQLite's own steps.
run_tests() {
  STREAMVIEW_EXPECTED_SQLITE=$1 LD_LIBRARY_PATH=$build/sqlite/$1 \
    ctest --test-dir "$build" --label-regex '^ext$' --tests-regex "$2" --output-on-failure \
    --exclude-regex '^EachStep/(Holder|Decision)' --parallel "$(nproc)" < /dev/null
}

# A process in SQLite <version> is told that the holder of the log has another one.
expect_note() {
  local version=$1 directory hold said
  directory=$(mktemp -d)
  shell() {
    LD_LIBRARY_PATH=$build/sqlite/$version "$build/tests/small_shell" "$directory/app.db" <<< ".load $build/streamview
$1"
  }
  shell 'CREATE VIRTUAL TABLE events USING sv_log;'
  "$build/streamview-hold" "$directory/app.db" 2> "$directory/messages" &
  hold=$!
  until grep -q ': held' "$directory/messages"; do kill -0 "$hold"; sleep 0.01; done
  said=$(shell 'SELECT note FROM sv_status;')
  kill "$hold"
  wait "$hold"
  rm -rf "$directory"
  [[ $said == "process $hold, which holds the log "*", and this one SQLite $version: "* ]] && return
  echo "a client in SQLite $version is told: $said" >&2
  exit 1
}

# What uses the API of SQLite in ways of its own.
choice='^(Load|SqliteVersion|Log|Docs|View|ViewPlans|Tail|History|SchemaChanges|Transaction|Savepoints)Test\.'
choice+='|^(AtomicCommit|WorkloadTest|sql)'

while read -r version _ use _; do
  [[ $version == \#* || -z $version ]] && continue
  echo "== in SQLite $version, the $use"
  case $use in
    newest)
      expect_note "$version"
      run_tests "$version" .
      ;;
    oldest) run_tests "$version" "$choice" ;;
    refused) expect_refusal "$version" ;;
  esac
done < "$here/versions"
