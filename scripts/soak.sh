#!/bin/bash
# Kills processes in the middle of their work, again and again, and checks what they leave.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/soak.sh [kills]

Builds streamview, optimised, into build/, and runs the tests KillSoakTest (one process) and
SharingSoakTest (four at a time; kills, stops and a full disk, in two journal modes) with that many kills (500)
each; then TakeoverTimeTest with a million documents.
STREAMVIEW_SEED, a number that each run prints, repeats a run.
USAGE
}

cd "$(dirname "$0")/.."
kills=${1:-500}
case $kills in
  -h | --help) usage; exit 0 ;;
  '' | *[!0-9]*) usage >&2; exit 2 ;;
esac

scripts/install-deps.sh test
cmake --preset release -DSTREAMVIEW_TESTS=ON > /dev/null
cmake --build --preset release --parallel "$(nproc)" --target streamview ext_tests

STREAMVIEW_KILLS=$kills STREAMVIEW_TAKEOVER_DOCUMENTS=1000000 exec build/tests/ext_tests \
  --gtest_filter='KillSoakTest.*:*SharingSoakTest.*:TakeoverTimeTest.*'
