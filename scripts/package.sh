#!/bin/bash
# Makes the Debian packages.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/package.sh

Installs what is missing, builds streamview, optimised, into build/, and puts its Debian packages into
build/packages/. Then, for all SQLite clients of this machine,

    sudo apt install ./build/packages/libsqlite3-mod-streamview_*.deb

after which `.load streamview` finds it. libstreamview-dev is for programs in C++.
USAGE
}

case ${1:-} in
  '') ;;
  -h | --help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
scripts/install-deps.sh package
# A build directory that exists already is used as it is.
[[ -f build/CMakeCache.txt ]] || cmake --preset release -DSTREAMVIEW_TESTS=OFF > /dev/null
cmake --build build --target streamview streamview_core --parallel "$(nproc)"
(cd build && cpack -G DEB -B packages > /dev/null)
ls build/packages/*.deb
