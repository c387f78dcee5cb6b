#!/bin/bash
# Installs what a task needs and what is missing: Debian packages, and for tests some of npm's.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/install-deps.sh [--print] [<task>]...

Installs what is missing of the Debian (12 or later) packages for a task: `build` (the extension),
`package`, `demo` (the default), `unit` (the tests that need no other client than the sqlite3 shell), `test`,
`clients` (all clients to test with; `test` leaves out the large ones), `debian13` (what installs Debian 13
to test there), `check` or `bench`. --print only prints their names. Uses sudo where it is not run by root, and touches neither the network nor apt where nothing
is missing. Where npm is installed, it builds the clients for Node, in tests/clients/node/node_modules/.
USAGE
}

build=(g++ cmake ninja-build ccache pkg-config
       librocksdb-dev libsqlite3-dev libsimdjson-dev libroaring-dev libboost-dev)
package=("${build[@]}" curl dpkg-dev file patch)
demo=("${build[@]}" sqlite3)
unit=("${package[@]}" "${demo[@]}" libgtest-dev libgmock-dev python3 locales)
test=("${unit[@]}" clang make libdbd-sqlite3-perl ruby-sqlite3 php-cli php-sqlite3 libsqlite3-tcl
      golang-go golang-github-mattn-go-sqlite3-dev default-jdk-headless libxerial-sqlite-jdbc-java
      python3-flask gunicorn puma ruby-rack)
# A nodejs that is not Debian's comes with npm, and does not go together with Debian's node-sqlite3.
command -v npm > /dev/null || test+=(nodejs node-sqlite3)
clients=("${test[@]}" python3-django php-fpm libfcgi-bin sqlitebrowser xvfb xdotool xclip imagemagick)
check=("${test[@]}" clang-format clang-tidy libclang-rt-dev cppcheck shellcheck valgrind)
debian13=(mmdebstrap)
bench=("${demo[@]}" libbenchmark-dev python3)

# The clients from npm: not tried where npm is missing.
npm_clients=()

print=
if [[ ${1:-} == --print ]]; then print=1; shift; fi
wanted=()
for task in "${@:-demo}"; do
  case $task in
    build) wanted+=("${build[@]}") ;;
    package) wanted+=("${package[@]}") ;;
    demo) wanted+=("${demo[@]}") ;;
    unit) wanted+=("${unit[@]}") ;;
    test) wanted+=("${test[@]}"); npm_clients+=(sqlite3) ;;
    clients) wanted+=("${clients[@]}"); npm_clients+=(sqlite3 better-sqlite3) ;;
    debian13) wanted+=("${debian13[@]}") ;;
    check) wanted+=("${check[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

if [[ $print ]]; then
  printf '%s\n' "${wanted[@]}" | sort -u
  exit 0
fi

if ! command -v apt-get > /dev/null; then
  echo "install-deps: this is not a Debian system; what is needed is here called: ${wanted[*]}" >&2
  exit 0
fi

install_debian() {
  local missing=() package status as_root
  for package in "$@"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null || true)
    [[ $status == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

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
}

# They are built here: sqlite3 for the system's SQLite, better-sqlite3 with its own, which takes minutes.
install_npm() {
  local package modules=node_modules options=(--omit=optional) incomplete=
  cd "$(dirname "$0")/../tests/clients/node"
  for package in "$@"; do
    [[ $package == sqlite3 ]] || options=()
    if [[ package-lock.json -nt $modules/.package-lock.json ]] ||
       ! compgen -G "$modules/$package/build/Release/*.node" > /dev/null; then
      incomplete=1
    fi
  done
  [[ $incomplete ]] || return 0

  echo "Installing $* from npm" >&2
  # The headers that Debian's and NodeSource's packages bring along; otherwise they would be loaded from elsewhere.
  [[ ! -f /usr/include/node/node.h ]] || export npm_config_nodedir=/usr
  npm_config_build_from_source=sqlite3 npm_config_sqlite=/usr \
    npm ci --no-audit --no-fund --loglevel=error "${options[@]}" >&2
}

install_debian "${wanted[@]}"
if ((${#npm_clients[@]})) && command -v npm > /dev/null; then install_npm "${npm_clients[@]}"; fi
