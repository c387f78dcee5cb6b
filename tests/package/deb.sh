#!/bin/bash
# Makes the Debian packages of a build directory, unpacks those of the extension and of streamview-hold into
# a directory, loads the extension by its bare name, and lets the other hold the log. The dynamic linker is told by LD_LIBRARY_PATH to look into the libdir of
# the unpacked package; into that of an installed one it looks by itself.
set -euo pipefail

[[ $# -eq 3 && $3 =~ ^(system|bundled)$ ]] ||
  { echo "usage: tests/package/deb.sh <build directory> <version> system|bundled" >&2; exit 2; }
build=$(realpath "$1")
version=$2
rocksdb=$3

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

fail() {
  echo "$*" >&2
  exit 1
}

# field <package> <field> <extended regular expression that it must match>
field() {
  local value
  value=$(dpkg-deb --field "$1" "$2")
  [[ $value =~ $3 ]] || fail "$1: $2 is '$value', and should match $3"
}

(cd "$build" && cpack -G DEB -B "$directory/packages") > cpack.log 2>&1 || { cat cpack.log >&2; exit 1; }
extension=$(ls packages/libsqlite3-mod-streamview_"$version"_*.deb)
holding=$(ls packages/streamview-hold_"$version"_*.deb)
development=$(ls packages/libstreamview-dev_"$version"_*.deb)

if [[ $rocksdb == bundled ]]; then
  field "$extension" Depends '^libc6 \(>= [0-9.]+\)$'
  field "$development" Depends '^$'
else
  field "$extension" Depends 'librocksdb.*libsimdjson|libsimdjson.*librocksdb'
  field "$development" Depends 'librocksdb-dev'
fi
field "$holding" Depends 'libsqlite3-mod-streamview \(= [0-9.]+\)'
field "$holding" Depends 'libsqlite3-0'
field "$extension" Section '^libs$'
field "$extension" Maintainer '^[^<]+ <[^@>]+@[^>]+>$'
field "$extension" Description '^append-only logs'

dpkg-deb -x "$extension" root
dpkg-deb -x "$holding" root
copyright=root/usr/share/doc/libsqlite3-mod-streamview/copyright
[[ $(grep -c '^Files: RocksDB$' $copyright) -eq $([[ $rocksdb == bundled ]] && echo 1 || echo 0) ]] ||
  fail "the copyright must name RocksDB if it is in the package"
library=$(find root -name '*.so')
libdir=$(realpath "$(dirname "$library")")
# Debian's dynamic linker looks into /usr/lib/<architecture>.
[[ $libdir == "$directory/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)" ]] ||
  fail "the extension is in $libdir"

LD_LIBRARY_PATH=$libdir sqlite3 -batch test.db > answer <<'SQL'
.load streamview
SELECT sv_version() ->> '$.streamview';
CREATE VIRTUAL TABLE events USING sv_log;
INSERT INTO events(key, value) VALUES ('a', '{"n":7}');
CREATE VIRTUAL TABLE v USING sv_view(log = events, emit = '$.n');
SELECT key, doc_id FROM v;
SQL
diff --unified - answer <<EXPECTED
$version
7|a
EXPECTED

# It finds the extension where the other package has it.
root/usr/bin/streamview-hold test.db 2> messages &
hold=$!
for ((i = 0; i < 1000; i++)); do
  grep -q 'log events: held' messages && break
  sleep 0.01
done
holder=$(LD_LIBRARY_PATH=$libdir sqlite3 -batch -cmd '.load streamview' test.db \
  "SELECT holder FROM sv_status WHERE kind = 'log'")
kill "$hold"
wait "$hold" || fail "streamview-hold ended with status $?"
[[ $holder == "$hold" ]] || fail "process $hold should hold the log, not $holder: $(cat messages)"
[[ -e root/usr/share/doc/streamview-hold/examples/streamview-hold@.service ]] || fail "there is no unit"
