#!/bin/bash
# streamview.so exports its entry point and nothing else: no symbol of it can clash with the host's. A
# self-contained one needs nothing of its host but libc and libm.
set -euo pipefail

[[ $# -eq 2 && $2 =~ ^(self-contained|shared)$ ]] ||
  { echo "usage: tests/sql/symbols.sh <streamview.so> self-contained|shared" >&2; exit 2; }
extension=$1

fail() {
  echo "streamview.so $1:" >&2
  echo "$2" >&2
  exit 1
}

exported=$(nm --dynamic --defined-only --extern-only "$extension" | awk '{ print $NF }')
[[ $exported == sqlite3_streamview_init ]] ||
  fail "exports other symbols than sqlite3_streamview_init" "$exported"

[[ $2 == self-contained ]] || exit 0
needed=$(objdump --private-headers "$extension" | awk '$1 == "NEEDED" { print $2 }')
others=$(grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*)$' <<< "$needed" || true)
[[ -z $others ]] || fail "needs other libraries than libc and libm" "$others"

# glibc has it since 2.36 only.
imported=$(nm --dynamic --undefined-only "$extension" | awk '{ print $NF }')
! grep '^arc4random' <<< "$imported" || fail "imports what glibc before 2.36 lacks" arc4random
