#!/bin/bash
# Pastes the SQL of a document into the sqlite3 shell (or another one), as its reader would, from top to
# bottom:
#
#   ```sql                     is run. If a ```text block comes next, before other SQL, it prints exactly
#                              that; else it may print what it likes, but no error
#   ```sql sketch              is not run: syntax with parts left out
#   <!-- run:                  is run, and not shown to the reader: what a block takes for granted. The SQL
#                              is on the lines that follow, up to one that is -->
#   <!-- new database -->      what follows is for another session, with a new database
#
# The database is app.db in a new directory, which has the extension as build/streamview.so, as it is
# after a build, and also where the dynamic linker looks, as it is when installed. Errors are written as the
# interactive shell does, without line numbers, and paths in that directory are relative ones.
set -euo pipefail

usage='tests/sql/markdown.sh <streamview.so> <document.md> [<another shell than sqlite3 -batch>]'
(($# == 2 || $# == 3)) || { echo "usage: $usage" >&2; exit 2; }
extension=$(realpath "$1")
document=$(realpath "$2")
shell=(sqlite3 -batch)
[[ $# -eq 2 ]] || shell=("$(realpath "$3")")

directory=$(realpath "$(mktemp -d)")
trap 'rm -rf "$directory"' EXIT
cd "$directory"

# Writes session.<n>.sql, and `expected`: a line for each block that is run, then what it must print.
LC_ALL=C awk -v name="$(basename "$document")" '
  function begin() {
    pending = "== " name ":" NR
    print "SELECT '\''" pending "'\'';" > script
  }
  function end_block() {
    if (pending != "") print pending " prints no error" > "expected"
    pending = ""
  }
  function new_session() { script = sprintf("session.%03d.sql", ++sessions) }
  BEGIN { new_session(); printf "" > "expected" }
  state == "" && /^ *<!-- new database -->$/ { end_block(); new_session(); next }
  state == "" && /^ *<!-- run:$/ { end_block(); begin(); state = "run"; next }
  state == "" && /^ *```sql$/ { end_block(); begin(); state = "sql"; next }
  state == "" && /^ *```text$/ && pending != "" {
    print pending " prints" > "expected"
    pending = ""
    state = "text"
    next
  }
  state == "" && /^ *```[a-z]/ { state = "other"; next }
  state == "run" && /^ *-->$/ { state = ""; next }
  state != "run" && /^ *```$/ { state = (state == "" ? "other" : ""); next }
  state == "sql" || state == "run" { print > script }
  state == "text" { print > "expected" }
  END {
    end_block()
    if (state != "") { print name ": a block has no end" > "/dev/stderr"; exit 1 }
  }' "$document"

for script in session.*.sql; do
  session=$(mktemp -d "$directory/session.XXXXXX")
  mkdir "$session/build"
  ln -s "$extension" "$session/build/streamview.so"
  [[ -s $script ]] || continue
  # A session that does not begin with loading the extension has it already. (Line 1 is a title.)
  [[ $(sed -n 2p "$script") == .load* ]] || sed -i '1i.load build/streamview' "$script"
  # stdbuf: otherwise errors, which are not buffered, would come before the rows printed ahead of them.
  # The exit status is that of the last statement; a crash is seen by one of 128 and more.
  status=0
  (cd "$session" && LD_LIBRARY_PATH=$session/build:${LD_LIBRARY_PATH:-} \
    LD_PRELOAD=${STREAMVIEW_PRELOAD:-} stdbuf -oL "${shell[@]}" app.db < "../$script") \
    > output 2>&1 || status=$?
  sed -E -e 's/^((Parse|Runtime) error) near line [0-9]+:/\1:/' -e "s|$session/||g" output
  ((status < 128)) || echo "sqlite3 ended with status $status"
done > printed

# Of blocks without expectations only errors are of interest.
LC_ALL=C awk '
  NR == FNR {
    if (/^== .* prints$/) { sub(/ prints$/, ""); checked[$0] = 1 }
    next
  }
  /^== / && !/ prints/ {
    all = ($0 in checked)
    print $0 (all ? " prints" : " prints no error")
    next
  }
  all || /^(Parse error|Runtime error|Error)|^sqlite3 ended/' expected printed > actual

if ! diff --unified expected actual; then
  echo "$(basename "$document") does not say what its SQL prints (tests/sql/markdown.sh)" >&2
  exit 1
fi
