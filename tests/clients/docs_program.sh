#!/bin/bash
# Runs the program of one section of docs/clients.md as it stands there: the section's code block into the file that
# its first line names, then the section's commands, which must print what the document says of all of them.
set -euo pipefail

if [[ $# -ne 2 ]]; then
  echo "usage: tests/clients/docs_program.sh <streamview.so> <heading>" >&2
  exit 2
fi
extension=$(realpath "$1")
heading=$2
here=$(realpath "$(dirname "$0")")
document=$here/../../docs/clients.md

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
export HOME=${HOME:-$directory}  # Go wants one
mkdir build  # as in the root of the repository; a copy, for PHP follows links, and then refuses
cp "$extension" build/streamview.so
ln -s "$here/node/node_modules" node_modules

# The first text block of the document is what all print.
awk '$0 == "```" && inside { exit } inside; $0 == "```text" { inside = 1 }' "$document" > expected

awk -v heading="$heading" '
  /^##/ && !inside { in_section = ($0 == "## " heading || $0 == "### " heading) }
  !in_section { next }
  $0 == "```" { inside = 0; next }
  /^```/ { inside = 1; first = 1; commands = ($0 == "```sh"); next }
  inside && commands { print > "commands"; next }
  inside && first && match($0, /[A-Za-z_]+\.[a-z]+/) { file = substr($0, RSTART, RLENGTH); first = 0 }
  inside { print > file }
' "$document"
[[ -s expected && -s commands ]] || { echo "docs/clients.md has no program under $heading" >&2; exit 1; }

# What npm installs is there.
grep -v '^npm install ' commands > run
bash -euo pipefail run > actual
diff --unified expected actual
