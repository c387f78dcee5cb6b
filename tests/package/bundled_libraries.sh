#!/bin/bash
# What scripts/bundled-libraries.sh does before it builds anything.
set -euo pipefail

[[ $# -eq 1 ]] || { echo "usage: tests/package/bundled_libraries.sh <scripts/bundled-libraries.sh>" >&2; exit 2; }
script=$(realpath "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export XDG_CACHE_HOME=$directory/cache

# expect_refusal <what it must say>
expect_refusal() {
  if "$script" > out 2> said; then
    echo "not refused: $1" >&2
    exit 1
  fi
  grep -q "$1" said || { echo "it should say '$1', and says:" >&2; cat said >&2; exit 1; }
  [[ ! -s out ]] || { echo "names a library that it has not built: $(cat out)" >&2; exit 1; }
}

STREAMVIEW_SOURCES=$directory/missing expect_refusal "no such directory: $directory/missing"

# An archive that is another one, under each of its names. Nothing is built of it, or in its place.
for name in lz4-1.9.4.tar.gz v1.9.4.tar.gz lz4_1.9.4.orig.tar.gz; do
  mkdir sources
  tar --create --gzip --file="sources/$name" --files-from=/dev/null
  STREAMVIEW_SOURCES=sources expect_refusal "/sources/$name is not lz4 1.9.4 as pinned: its SHA-256 is another"
  rm -r sources
  [[ -z $(find cache -name '*.a') ]] || { echo "built something" >&2; exit 1; }
done
