#!/bin/bash
# Builds the benchmarks and runs them.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bench/run.sh [<documents.jsonl> [<rounds>]]

Builds release with benchmarks into build/ and compares with plain SQLite: taking in documents, those
of the file (default: sql/data/debian-packages.jsonl) in so many rounds (default: 5), and durable
commits by 1 to 32 threads. The databases are made under $TMPDIR (default: /tmp), which should be on
a real disk.
USAGE
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
esac
(($# <= 2)) || { usage >&2; exit 2; }
root=$(realpath "$(dirname "$0")/..")
documents=${1:-$root/sql/data/debian-packages.jsonl}

"$root/scripts/install-deps.sh" bench
generator=()
[[ -f $root/build/CMakeCache.txt ]] || generator=(-G Ninja -DSTREAMVIEW_TESTS=OFF)
cmake -S "$root" -B "$root/build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release \
  -DSTREAMVIEW_BENCH=ON > /dev/null
cmake --build "$root/build" --target ingest_vs_sqlite group_commit --parallel "$(nproc)" >&2
"$root/build/bench/ingest_vs_sqlite" "$root/build/streamview.so" "$documents" "${2:-5}"
echo
"$root/build/bench/group_commit" "$root/build/streamview.so"
