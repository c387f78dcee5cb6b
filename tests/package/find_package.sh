#!/bin/bash
# Installs a build directory somewhere, builds the example program against what is there, and runs it:
# what it prints must be its .expected file.
set -euo pipefail

[[ $# -eq 3 ]] ||
  { echo "usage: tests/package/find_package.sh <build directory> <examples> <compiler>" >&2; exit 2; }
build=$(realpath "$1")
examples=$(realpath "$2")
compiler=$3

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cmake --install "$build" --prefix "$directory/installed" > build.log
# Without the sources: what the headers include must be installed, too.
cp -r "$examples" examples
cmake -S examples -B example -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$directory/installed" >> build.log 2>&1 || { cat build.log >&2; exit 1; }
cmake --build example >> build.log 2>&1 || { cat build.log >&2; exit 1; }

example/assets "$directory/log" > actual
diff --unified examples/assets.expected actual
