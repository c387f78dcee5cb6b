#!/bin/bash
# Runs one scripted test: the sqlite3 shell with the extension loaded, on a new database test.db in a
# new directory that also holds streamview.so (for tests that open another connection) and data, which
# is sql/data.
#
# What the shell prints, errors included, must equal <test>.expected beside <test>.sql. Line numbers
# in error messages are left out, so that a test can grow without all of its expectations changing;
# the directory is printed as <directory>.
# STREAMVIEW_PRELOAD: a sanitizer's run-time libraries, which have to be in the process before all others.
# STREAMVIEW_RUNNER: a command that runs the shell, valgrind say.
set -euo pipefail

usage() {
  echo "usage: tests/sql/run.sh [--update] <streamview.so> <test.sql>" >&2
  echo "--update writes the expected file instead of comparing with it: review the difference." >&2
  exit 2
}

update=
if [[ ${1:-} == --update ]]; then update=1; shift; fi
[[ $# -eq 2 ]] || usage
extension=$(realpath "$1")
script=$(realpath "$2")
expected=${script%.sql}.expected

directory=$(realpath "$(mktemp -d)")
trap 'rm -rf "$directory"' EXIT
cd "$directory"
ln -s "$extension" streamview.so
ln -s "$(realpath "$(dirname "$script")/../../sql/data")" data

# stdbuf: otherwise errors, which are not buffered, would come before the rows printed ahead of them.
# The exit status of the shell is that of its last statement, which may well be a bad one by intent;
# a crash is seen by its status of 128 and more.
status=0
# shellcheck disable=SC2086  # the runner is a command with its arguments
LD_PRELOAD=${STREAMVIEW_PRELOAD:-} stdbuf -oL \
  ${STREAMVIEW_RUNNER:-} sqlite3 -batch -cmd '.load ./streamview' test.db < "$script" > output 2>&1 || status=$?
sed -E -e 's/^((Parse|Runtime) error) near line [0-9]+:/\1:/' -e "s|$directory|<directory>|g" \
  output > actual
((status < 128)) || echo "sqlite3 ended with status $status" >> actual

if [[ $update ]]; then
  cp actual "$expected"
elif ! diff --unified "$expected" actual; then
  echo "the output differs from $expected (see tests/sql/run.sh --update)" >&2
  exit 1
fi
