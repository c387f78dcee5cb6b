#!/bin/bash
# Builds the versions of SQLite that tests/sqlite/versions lists.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/sqlite/build.sh <directory>

Makes <directory>/<version>/libsqlite3.so.0 of each version, where it is not there yet. Programs that
are linked with Debian's SQLite run with it by LD_LIBRARY_PATH=<directory>/<version>.
USAGE
}

[[ $# -eq 1 && $1 != -* ]] || { usage >&2; exit 2; }
versions=$(dirname "$0")/versions
root=$(mkdir -p "$1" && realpath "$1")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
  local version=$1 package=$2 checksum=$3 directory=$root/$1
  [[ -f $directory/libsqlite3.so.0 ]] && return
  echo "Building SQLite $version of $package"
  local archive
  archive=$(npm pack --silent --pack-destination "$work" "$package")
  sha512sum --check --status <<< "$checksum  $work/$archive" ||
    { echo "$package is not the package that tests/sqlite/versions names" >&2; exit 1; }
  mkdir "$work/$version"
  tar -xzf "$work/$archive" -C "$work/$version" --strip-components=3 package/deps/sqlite3
  # Where it was interrupted it must not look as if it were done.
  mkdir -p "$directory"
  # HAVE_USLEEP: older ones wait whole seconds otherwise.
  cc -O1 -fPIC -shared -Wl,-soname,libsqlite3.so.0 -DHAVE_USLEEP=1 -DSQLITE_ENABLE_COLUMN_METADATA \
    -o "$work/$version/library" "$work/$version/sqlite3.c" -lm -lpthread -ldl
  mv "$work/$version/library" "$directory/libsqlite3.so.0"
}

while read -r version package _ checksum; do
  [[ $version == \#* || -z $version ]] || build "$version" "$package" "$checksum" < /dev/null
done < "$versions"
