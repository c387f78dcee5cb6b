#!/bin/bash
# Builds the benchmarks and runs them.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bench/run.sh [<documents.jsonl> [<count> [<rounds>]]]

Builds release with benchmarks into build/, compares streamview with plain SQLite and RocksDB on the
documents of the file (default: sql/data/debian-packages.jsonl), repeated up to count (default:
300,000), in so many rounds (default: 3), writes and each kind of read; appends three times as many to
one log; commits durably by 1 to 32 threads; compares a process that uses a log with the one that holds
it; times the parts; where npm can install them (into build/peers/), compares with PouchDB
and flumedb on 10,000 documents. Prints what it measures, keeps it in build/bench-results/, and writes
it into docs/performance.md with plots. The databases are made under $TMPDIR (default: /tmp), which
should be on a real disk.
USAGE
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
esac
(($# <= 3)) || { usage >&2; exit 2; }
root=$(realpath "$(dirname "$0")/..")
documents=${1:-$root/sql/data/debian-packages.jsonl}

"$root/scripts/install-deps.sh" bench
generator=()
[[ -f $root/build/CMakeCache.txt ]] || generator=(-G Ninja -DSTREAMVIEW_TESTS=OFF)
cmake -S "$root" -B "$root/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
  -DSTREAMVIEW_BENCH=ON > /dev/null
cmake --build "$root/build" --parallel "$(nproc)" >&2

bench=$root/build/bench
extension=$root/build/streamview.so
results=$root/build/bench-results
count=${2:-300000}
rounds=${3:-3}
mkdir -p "$results"
"$bench/versus" "$extension" "$documents" "$count" "$rounds" | tee "$results/versus.txt"
"$bench/reads" "$extension" "$documents" "$count" "$rounds" | tee "$results/reads.txt"
for ((i = 0; i < rounds; i++)); do
  "$bench/scaling" "$extension" "$documents" $((count * 10 / 3))
done | tee "$results/scaling.txt"
"$bench/group_commit" "$extension" | tee "$results/group_commit.txt"
"$bench/sharing" "$extension" "$rounds" | tee "$results/sharing.txt"
"$bench/parts" 2> /dev/null | tee "$results/parts.txt"

# PouchDB is slow: fewer documents, with streamview and SQLite on as many beside it and flumedb.
peers=$root/build/peers
install_peers() {
  command -v npm > /dev/null && mkdir -p "$peers" && cp "$root"/bench/peers/* "$peers" &&
    cd "$peers" &&
    npm install --ignore-scripts --no-audit --no-fund --silent > /dev/null &&
    node --input-type=module --eval \
      'await import("./pouchdb_contestant.js"); await import("./flumedb_contestant.js");' 2> /dev/null
}
rm -f "$results/peers.txt"
if (install_peers); then
  peers_count=$((count < 10000 ? count : 10000))
  {
    "$bench/versus" "$extension" "$documents" "$peers_count" "$rounds" streamview sqlite
    node "$peers/peers.js" "$documents" "$peers_count" "$rounds"
  } | tee "$results/peers.txt"
else
  echo "PouchDB and flumedb are left out: there is no npm, or it could not install them" >&2
fi
"$root/bench/report.py" "$results" "$root/docs"
