#!/bin/bash
# The sqlite3 shell: the scenario, a process of the shell for each connection.
set -euo pipefail

[[ $# -eq 3 ]] || { echo "usage: client.sh <scenario> <extension> <database>" >&2; exit 2; }
scenario=$1
extension=$2
database=$3

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

# The scenario as scripts, one for each connection: <n>.sql. Before each statement it prints "line <n>";
# its parameters are put into the shell's own table of them. And what they must print: <n>.expected, where an
# error is "error <text>".
awk -v extension="$extension" '
  function statement() {
    if (sql == "") return
    print ".print line " line > script
    print "line " line > expected
    for (i = 1; i <= parameters; ++i)
      print "REPLACE INTO temp.sqlite_parameters VALUES (\"?" i "\", " parameter[i] ");" > script
    print sql ";" > script
    printf "%s", result > expected
    sql = result = ""
    parameters = 0
  }
  function rest() { return substr($0, length($1) + 2) }
  /^ / { sql = sql "\n" $0; next }
  $1 == "with" { parameters = split(rest(), parameter, / \| /); next }
  $1 == "row" { row = rest(); gsub(/ \| /, ",", row); result = result row "\n"; next }
  $1 == "error" { result = result "error " rest() "\n"; next }
  $1 == "#" || $1 == "needs" || NF == 0 { next }  # the shell has all that could be needed
  { statement(); line = NR }
  $1 == "open" {
    script = (++opened) ".sql"
    expected = opened ".expected"
    print ".load " extension "\n.timeout 60000\n.parameter init\n.mode quote" > script
    next
  }
  $1 == "close" { close(script); close(expected); next }
  $1 == "begin" || $1 == "commit" || $1 == "rollback" { print $1 ";" > script; next }
  $1 == "do" || $1 == "query" { sql = rest(); next }
  { print "line " NR ": unknown step " $1 > "/dev/stderr"; exit 1 }
  END { statement() }
' "$scenario"

# Where an error is expected, that line is compared only as far as it is given.
for script in *.sql; do
  expected=${script%.sql}.expected
  actual=${script%.sql}.actual
  # stdbuf: otherwise errors, which are not buffered, would come before the rows printed ahead of them. The
  # exit status of the shell is that of its last statement.
  stdbuf -oL sqlite3 -batch "$database" < "$script" > output 2>&1 || (($? < 128))
  awk 'NR == FNR { expected[NR] = $0; next }
       expected[FNR] ~ /^error / && / error near line / && index($0, substr(expected[FNR], 7)) {
         $0 = expected[FNR]
       }
       { print }' "$expected" output > "$actual"
  diff --unified "$expected" "$actual"
done
