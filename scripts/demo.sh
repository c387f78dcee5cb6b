#!/bin/bash
# Shows what streamview does, on Debian's package index: builds the extension and runs sql/demo.sql.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/demo.sh [--full]

Installs what is missing, builds the extension into build/ and runs sql/demo.sql in the sqlite3 shell,
on a sample of 3,000 packages; with --full on all packages that this machine's apt knows of.
USAGE
}

cd "$(dirname "$0")/.."
source_of_packages=sample
case ${1:-} in
  '') ;;
  --full) source_of_packages=apt ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

scripts/install-deps.sh demo

# A build directory that exists already is used as it is.
if [[ ! -f build/CMakeCache.txt ]]; then
  echo "== Configuring build/"
  cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DSTREAMVIEW_TESTS=OFF > /dev/null
fi
echo "== Building build/streamview.so"
cmake --build build --target streamview --parallel "$(nproc)"

demo=build/demo
rm -rf $demo
mkdir -p $demo
if [[ $source_of_packages == apt ]]; then
  convert() { apt-cache dumpavail | LC_ALL=C awk -f scripts/debian-packages.awk; }
  convert > $demo/packages.jsonl
  if [[ ! -s $demo/packages.jsonl ]]; then  # a fresh machine has no lists of packages yet
    if ((EUID == 0)); then apt-get update -qq; else sudo apt-get update -qq; fi
    convert > $demo/packages.jsonl
  fi
else
  cp sql/data/debian-packages.jsonl $demo/packages.jsonl
fi
documents=$(wc -l < $demo/packages.jsonl)

# progress <format> <argument>...: SQL that overwrites the line above with this one, on a terminal.
up_and_clear=''
[[ -t 1 ]] && up_and_clear="char(27) || '[1A' || char(27) || '[K' || "
progress() {
  [[ -z $up_and_clear ]] || echo "SELECT ${up_and_clear}printf($1);"
}
seconds="((julianday('now') - (SELECT start FROM stopwatch)) * 86400)"

# The documents, in transactions of 1,000.
{
  echo ".mode list"
  [[ -z $up_and_clear ]] || echo ".print"
  echo "CREATE TEMP TABLE stopwatch AS SELECT julianday('now') AS start;"
  for ((first = 1; first <= documents; first += 1000)); do
    echo "INSERT INTO packages(key, value) SELECT doc ->> '\$.key', doc -> '\$.value'"
    echo "  FROM input WHERE rowid BETWEEN $first AND $first + 999;"
    progress "'%,d of %,d', (SELECT sv_head()), $documents"
  done
  echo "SELECT ${up_and_clear}printf('%,d documents in %.2f s: %,d documents/s', $documents,"
  echo "  $seconds, $documents / $seconds);"
  echo ".mode box --wrap 80"
} > $demo/load.sql

# How far the views are, and how long it takes until they are complete.
{
  echo ".mode list"
  [[ -z $up_and_clear ]] || echo ".print"
  echo "UPDATE stopwatch SET start = julianday('now');"
  for ((seq = 1000; seq < documents && ${#up_and_clear}; seq += 1000)); do
    progress "'%s', (SELECT group_concat(name || ' ' || bar, '   ') FROM sv_status
      WHERE kind = 'view' AND sv_wait($seq) > 0)"
  done
  echo "SELECT ${up_and_clear}printf('Both views are complete at %,d: %.2f s, %,d documents/s',"
  echo "  sv_wait(sv_seq()), $seconds, $documents / $seconds);"
  echo ".mode box --wrap 80"
} > $demo/wait.sql

# Every paragraph without commands of the shell is shown before it is run.
bold='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
awk -v bold="$bold" -v plain="$plain" '
  BEGIN { RS = ""; FS = "\n" }
  NR > 1 && !/(^|\n)\./ {
    print ".print"
    for (i = 1; i <= NF; i++) {
      line = $i
      gsub(/\\/, "\\\\", line)
      gsub(/"/, "\\\"", line)
      if (sub(/^-- /, "", line)) line = bold line plain
      else line = "    " line
      print ".print \"" line "\""
    }
  }
  { print $0 "\n" }' sql/demo.sql > $demo/demo.sql

sqlite3 -batch -bail :memory: < $demo/demo.sql

cat <<EOF

The database is yours to play with, from the root of the repository:

    sqlite3 -cmd '.load ./build/streamview' $demo/demo.db
EOF
