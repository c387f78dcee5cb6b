#!/bin/bash
# Runs host_with_rocksdb in a new directory.
set -euo pipefail

[[ $# -eq 2 ]] ||
  { echo "usage: tests/package/host_with_rocksdb.sh <host_with_rocksdb> <streamview.so>" >&2; exit 2; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
"$1" "$2" "$directory"
