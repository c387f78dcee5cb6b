#!/bin/bash
# Runs one scripted test: the sqlite3 shell with the extension loaded, on a new database test.db in a
# new directory that also holds streamview.so (for tests that open another connection) and data, which
# is sql/data.
#
# What the shell prints, errors included, must equal <test>.expected beside <test>.sql. Line numbers
# in error messages are left out, so that a test can grow without all of its expectations changing;
# the directory is printed as <directory>.
# --hold <streamview-hold>: another process holds the logs. Statements of one line that make a log in test.db are
# run by a shell of their own, and the script goes on once streamview-hold has the log; all else goes by way of it,
# and what is printed must be the same.
#
# STREAMVIEW_PRELOAD: a sanitizer's run-time libraries, which have to be in the process before all others.
# STREAMVIEW_RUNNER: a command that runs the shell, valgrind say.
set -euo pipefail

usage() {
  echo "usage: tests/sql/run.sh [--update | --hold <streamview-hold>] <streamview.so> <test.sql>" >&2
  echo "--update writes the expected file instead of comparing with it: review the difference." >&2
  exit 2
}

update=
hold=
if [[ ${1:-} == --update ]]; then update=1; shift; fi
if [[ ${1:-} == --hold ]]; then hold=$(realpath "$2"); shift 2; fi
[[ $# -eq 2 ]] || usage
extension=$(realpath "$1")
script=$(realpath "$2")
expected=${script%.sql}.expected

directory=$(realpath "$(mktemp -d)")
holder=
finish() {
  [[ -z $holder ]] || kill "$holder" 2> /dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
cd "$directory"
ln -s "$extension" streamview.so
ln -s "$(realpath "$(dirname "$script")/../../sql/data")" data

# begin_to_hold: starts it on a database that has no logs yet. After `./create <statement>` it holds one.
begin_to_hold() {
  touch test.db
  "$hold" --extension ./streamview.so test.db 2> messages &
  holder=$!
  cat > create << EOF
#!/bin/bash
set -euo pipefail
sql() { sqlite3 -batch -cmd '.timeout 10000' -cmd '.load ./streamview' test.db "\$1"; }
sql "\$1"
until [[ -z \$(sql "SELECT 1 FROM sv_status WHERE kind = 'log' AND holder <> $holder") ]]; do sleep 0.01; done
EOF
  chmod +x create
  sed -E "s/^(CREATE VIRTUAL TABLE [a-z]+ USING sv_log);$/.shell .\/create '\1'/" "$script" > held.sql
  if cmp --quiet "$script" held.sql; then
    echo "$script makes no log" >&2
    exit 1
  fi
  script=held.sql
}
timeout=0
if [[ $hold ]]; then
  begin_to_hold
  timeout=10000  # it reads the database now and then
fi

# stdbuf: otherwise errors, which are not buffered, would come before the rows printed ahead of them.
# The exit status of the shell is that of its last statement, which may well be a bad one by intent;
# a crash is seen by its status of 128 and more.
status=0
# shellcheck disable=SC2086  # the runner is a command with its arguments
LD_PRELOAD=${STREAMVIEW_PRELOAD:-} stdbuf -oL \
  ${STREAMVIEW_RUNNER:-} sqlite3 -batch -cmd ".timeout $timeout" -cmd '.load ./streamview' test.db < "$script" > output 2>&1 || status=$?
sed -E -e 's/^((Parse|Runtime) error) near line [0-9]+:/\1:/' -e "s|$directory|<directory>|g" \
  output > actual
((status < 128)) || echo "sqlite3 ended with status $status" >> actual

# It must have been held all the time.
if [[ $hold ]] && ! { kill "$holder" && wait "$holder"; }; then
  echo "streamview-hold has ended: $(cat messages)" >> actual
fi

if [[ $update ]]; then
  cp actual "$expected"
elif ! diff --unified "$expected" actual; then
  echo "the output differs from $expected (see tests/sql/run.sh --update)" >&2
  exit 1
fi
