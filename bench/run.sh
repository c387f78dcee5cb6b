#!/bin/bash
# Builds the benchmarks and runs them.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bench/run.sh [<documents.jsonl> [<count> [<rounds>]]]

Builds release with benchmarks into build/ and compares streamview with plain SQLite and RocksDB: on
the documents of the file (default: sql/data/debian-packages.jsonl), repeated up to count (default:
300,000), in so many rounds (default: 3); and durable commits by 1 to 32 threads. The databases are
made under $TMPDIR (default: /tmp), which should be on a real disk.
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
cmake --build "$root/build" --target versus group_commit --parallel "$(nproc)" >&2
"$root/build/bench/versus" "$root/build/streamview.so" "$documents" "${2:-300000}" "${3:-3}"
echo
"$root/build/bench/group_commit" "$root/build/streamview.so"
