#!/bin/bash
# Pastes the tour of README.md into the sqlite3 shell: the ```sql blocks of its section "A tour" must
# print exactly what the ```text blocks after them say.
set -euo pipefail

usage='tests/sql/readme_tour.sh <streamview.so> <README.md> [<another shell than sqlite3 -batch>]'
(($# == 2 || $# == 3)) || { echo "usage: $usage" >&2; exit 2; }
extension=$(realpath "$1")
readme=$(realpath "$2")
shell=(sqlite3 -batch)
[[ $# -eq 2 ]] || shell=("$(realpath "$3")")

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
mkdir build  # the tour is run from the root of the repository
ln -s "$extension" build/streamview.so

# blocks <language>: the lines of the tour's blocks in that language.
blocks() {
  awk -v open='```'"$1" '
    /^## / { in_tour = ($0 == "## A tour") }
    in_tour && $0 == "```" { inside = 0 }
    inside
    in_tour && $0 == open { inside = 1 }' "$readme"
}
blocks sql > tour.sql
blocks text > expected
[[ -s tour.sql && -s expected ]] || { echo "README.md has no tour" >&2; exit 1; }

LD_PRELOAD=${STREAMVIEW_PRELOAD:-} stdbuf -oL "${shell[@]}" tour.db < tour.sql > actual 2>&1
diff --unified expected actual
