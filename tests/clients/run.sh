#!/bin/bash
# Runs the scenario through one client, in a new directory. Then it makes sure that the client's driver notices
# what is wrong: on scenarios with an expectation that does not hold it must fail, and say where.
set -euo pipefail

if [[ $# -lt 2 ]]; then
  echo "usage: tests/clients/run.sh <streamview.so> <command of the driver>..." >&2
  exit 2
fi
extension=$(realpath "$1")
driver=("${@:2}")
scenario=$(realpath "$(dirname "$0")/scenario.txt")

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

"${driver[@]}" "$scenario" "$extension" "$directory/scenario.db"

# must_fail <line>...: the step is in line 2 of a scenario of its own.
must_fail() {
  printf '%s\n' open "$@" close > wrong.txt
  if "${driver[@]}" "$directory/wrong.txt" "$extension" "$directory/wrong.db" > wrong.log 2>&1; then
    echo "the driver takes for right:" "$@" >&2
    exit 1
  elif ! grep -q 'line 2' wrong.log; then
    echo "the driver does not say what is wrong in line 2:" "$@" >&2
    cat wrong.log >&2
    exit 1
  fi
}
must_fail "query SELECT 'one', 1 UNION ALL SELECT 'two', 2" "row 'one' | 1" "row 'two' | 3"
must_fail "query SELECT 1 UNION ALL SELECT 2" 'row 1'
must_fail 'query SELECT ?' 'with NULL' "row ''"
must_fail "do CREATE VIRTUAL TABLE log USING sv_log(colour = red)" 'error unknown option "color"'
must_fail 'do CREATE VIRTUAL TABLE log USING sv_log' 'error unknown option'
