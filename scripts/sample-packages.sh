#!/bin/bash
# Makes sql/data/debian-packages.jsonl, the sample that the demo and the benchmarks use.
set -euo pipefail

if [[ $# -ne 1 || $1 == -h || $1 == --help ]]; then
  cat <<'USAGE'
usage: scripts/sample-packages.sh <packages.jsonl>

Writes 3,000 documents of a package index (from scripts/debian-packages.awk) to standard output, in
the order of the index: the 1,000 packages that have the most tags, and of the packages that these
depend on the 2,000 that the most of them name. The same input gives the same sample.
USAGE
  [[ $# -eq 1 ]] && exit 0 || exit 2
fi

sqlite3 -batch <<SQL
.mode ascii
.separator "\037" "\n"
CREATE TABLE input(doc TEXT);
.import "$1" input
.mode list
CREATE TABLE package AS
  SELECT rowid AS position, doc ->> '\$.key' AS key, json_array_length(doc, '\$.value.tags') AS tags
  FROM input;
CREATE UNIQUE INDEX package_key ON package(key);
CREATE TABLE picked AS SELECT key FROM package ORDER BY tags DESC, key LIMIT 1000;
INSERT INTO picked
  SELECT 'pkg/' || depends.value AS dependency
  FROM picked JOIN package USING (key) JOIN input ON input.rowid = position,
       json_each(doc, '\$.value.depends') AS depends
  WHERE dependency IN (SELECT key FROM package) AND dependency NOT IN (SELECT key FROM picked)
  GROUP BY dependency ORDER BY count(*) DESC, dependency LIMIT 2000;
SELECT doc FROM input JOIN package ON position = input.rowid
  WHERE key IN (SELECT key FROM picked) ORDER BY position;
SQL
