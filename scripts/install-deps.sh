#!/bin/bash
# Installs the Debian packages that a task needs and that are missing.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/install-deps.sh [build | demo | test | bench]...

Installs what is missing of the Debian (12 or later) packages for a task: `build` (the extension),
`demo` (the default), `test` or `bench`. Uses sudo where it is not run by root, and touches neither
the network nor apt where nothing is missing.
USAGE
}

build=(g++ cmake ninja-build ccache pkg-config
       librocksdb-dev libsqlite3-dev libsimdjson-dev libroaring-dev libboost-dev)
demo=("${build[@]}" sqlite3)
test=("${demo[@]}" clang libgtest-dev libgmock-dev)
command -v npm > /dev/null || test+=(npm)  # one from elsewhere will do
bench=("${demo[@]}" libbenchmark-dev python3)

wanted=()
for task in "${@:-demo}"; do
  case $task in
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${demo[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

if ! command -v apt-get > /dev/null; then
  echo "install-deps: this is not a Debian system; what is needed is here called: ${wanted[*]}" >&2
  exit 0
fi

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=(env DEBIAN_FRONTEND=noninteractive)
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    echo "install-deps: neither root nor sudo; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo "${as_root[@]}")
fi

echo "Installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq >&2
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
