#!/bin/bash
# A log directory moves between two builds of the extension, which may have different versions of RocksDB,
# and back: each must read all that the other has written, also what is in the write-ahead log only, in
# files that were flushed, merged or built, and in reductions.
set -euo pipefail

usage='tests/package/move.sh <new directory> <command of one shell> <command of the other>
each command starts sqlite3 with the extension loaded, e.g. "sqlite3 -batch -cmd '\''.load ./streamview'\''"'
[[ $# -eq 3 && ! -e $1 ]] || { echo "usage: $usage" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
directory=$PWD

# run <command>: what is on standard input, in the database moved.db
run() { bash -c "$1 '$directory/moved.db'"; }

# What is asked of the log after each step. Numbers are exact: the entries are 1 to $entries.
ask() {
  cat <<'SQL'
.bail on
SELECT sv_wait(sv_head()) = sv_head();
INSERT INTO events(events) VALUES ('integrity-check');
PRAGMA integrity_check;
SELECT count(*), max(seq), sum(value ->> '$.n') FROM events;
SELECT count(*), sum(value ->> '$.n') FROM docs;
SELECT count(*), min(key), max(key), sum(length(value)) FROM by_n;
SELECT key, sum FROM sums ORDER BY key;
SELECT count(*) FROM sv_history('events', 'doc/7');
SELECT name, state FROM sv_status WHERE kind = 'view' ORDER BY name;
SQL
}

# step <name> <who writes> <who reads>: SQL to be run by the first is on standard input.
step() {
  local name=$1 writer=$2 reader=$3
  run "$writer" > /dev/null || { echo "$name: cannot write" >&2; exit 1; }
  ask | run "$writer" > "$name.writer" || { echo "$name: the writer cannot read" >&2; cat "$name.writer" >&2; exit 1; }
  ask | run "$reader" > "$name.reader" || { echo "$name: the other cannot read" >&2; cat "$name.reader" >&2; exit 1; }
  diff --unified "$name.writer" "$name.reader" || { echo "$name: they read different things" >&2; exit 1; }
}

# insert <first> <last>: entries, of which each document has several.
insert() {
  cat <<SQL
WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
INSERT INTO events(key, value)
  SELECT 'doc/' || (i % 700), json_object('n', i, 'group', i % 5, 'text', hex(zeroblob(50 + i % 300))) FROM n;
SQL
}

one=$2 other=$3
{
  cat <<'SQL'
.bail on
CREATE VIRTUAL TABLE events USING sv_log;
CREATE VIRTUAL TABLE docs USING sv_docs(log = events);
CREATE VIRTUAL TABLE by_n USING sv_view(log = events, emit = '$.n', value = '$.text');
CREATE VIRTUAL TABLE sums USING sv_view(log = events, emit = '$.group', value = '$.n', reduce = 'sum');
SQL
  insert 1 5000
} | step created "$one" "$other"
insert 5001 9000 | step written "$other" "$one"
{
  insert 9001 20000
  echo "INSERT INTO by_n(by_n) VALUES ('flush');"
  echo "INSERT INTO by_n(by_n) VALUES ('rebuild');"
  echo "SELECT sv_wait(sv_head()) > 0;"
  echo "INSERT INTO by_n(by_n) VALUES ('optimize');"
  echo "DELETE FROM docs WHERE key = 'doc/3';"
} | step merged "$one" "$other"
{
  insert 20001 40000
  echo "INSERT INTO by_n(by_n) VALUES ('flush');"
  echo "INSERT INTO sums(sums) VALUES ('rebuild');"
  echo "SELECT sv_wait(sv_head()) > 0;"
  echo "INSERT INTO sums(sums) VALUES ('optimize');"
} | step merged_back "$other" "$one"
insert 40001 40100 | step last "$one" "$other"

grep -q '^40101|40101|' last.reader || { echo "not all entries are there:" >&2; cat last.reader >&2; exit 1; }
