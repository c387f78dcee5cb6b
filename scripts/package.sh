#!/bin/bash
# Makes the Debian packages.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/package.sh

Installs what is missing, builds streamview, optimised and self-contained, into build-bundled/, and puts its
Debian packages into build-bundled/packages/. The first time it also builds RocksDB, which takes about 12
minutes of one processor core (scripts/bundled-libraries.sh --help). Then, for all SQLite clients of this
machine,

    sudo apt install ./build-bundled/packages/libsqlite3-mod-streamview_*.deb

after which `.load streamview` finds it. streamview-hold keeps logs open for processes that come and go;
libstreamview-dev is for programs in C++.
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
[[ -f build-bundled/CMakeCache.txt ]] || cmake --preset bundled -DSTREAMVIEW_TESTS=OFF > /dev/null
cmake --build build-bundled --target streamview streamview_core streamview_hold --parallel "$(nproc)"
(cd build-bundled && cpack -G DEB -B packages > /dev/null)
ls build-bundled/packages/*.deb
