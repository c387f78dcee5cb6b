#!/bin/bash
# Runs a command in Debian 13, on a machine that has another Debian.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/in-debian13.sh <command> [<argument>]...

Runs the command in the root of the repository, as Debian 13 sees it: in a directory tree that mmdebstrap
installs once, with what builds and tests need, from the Debian mirror that this machine's apt is set up
for. It is kept in ${XDG_CACHE_HOME:-~/.cache}/streamview/. The repository and the caches of compiled files
and of bundled libraries are the same ones inside, at the same paths. Needs root, and mmdebstrap. What is
mounted goes when the command ends, as do the processes that it has left.
USAGE
}

[[ $# -gt 0 ]] || { usage >&2; exit 2; }
[[ $1 != -h && $1 != --help ]] || { usage; exit 0; }
cd "$(dirname "$0")/.."
repository=$(pwd -P)

die() { echo "in-debian13: $*" >&2; exit 1; }
((EUID == 0)) || die "only root can do this"
command -v mmdebstrap > /dev/null || die "mmdebstrap is missing; as root, run: apt-get install mmdebstrap"

mapfile -t packages < <(scripts/install-deps.sh --print unit)
wanted=$(IFS=,; echo "${packages[*]}")
cache=${XDG_CACHE_HOME:-$HOME/.cache}
key=$(sha256sum <<< "$wanted")
root=$cache/streamview/debian13-${key:0:12}

make_root() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg options=() log=$root.log
  mirror=$(scripts/debian-mirrors.sh | head -n 1)
  [[ -n $mirror ]] || die "apt is not set up for a Debian mirror"
  [[ ! -f $keyring ]] || options+=(--keyring="$keyring")
  # A proxy, for example.
  apt-config dump | grep '^Acquire::' > "$root.apt" || true
  echo "in-debian13: installing Debian 13 into $root, ${#packages[@]} packages and what they need" >&2
  rm -rf "$root.new"
  mmdebstrap --variant=apt "${options[@]}" --aptopt="$root.apt" --dpkgopt=force-unsafe-io --include="$wanted" \
    trixie "$root.new" "$mirror" > "$log" 2>&1 ||
    { tail -n 20 "$log" >&2; rm -rf --one-file-system "$root.new"; die "mmdebstrap has failed: $log"; }
  mv --no-target-directory "$root.new" "$root"
}

mkdir -p "$cache/streamview"
if [[ ! -d $root ]]; then
  (
    flock --nonblock 9 || { echo "in-debian13: waiting for another one that installs it" >&2; flock 9; }
    [[ -d $root ]] || make_root
  ) 9> "$cache/streamview/debian13.lock"
fi

# In mounts and a process tree of its own: nothing is left of either.
export ROOT=$root REPOSITORY=$repository CACHE=$cache
export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}
mkdir -p "$CCACHE_DIR" "$cache/streamview"
# shellcheck disable=SC2016  # expanded by the shell inside
exec unshare --mount --pid --fork --kill-child --propagation private bash -euc '
  share() { mkdir -p "$ROOT$1"; mount --bind "$1" "$ROOT$1"; }
  share "$REPOSITORY"
  share "$CCACHE_DIR"
  # The libraries, and not the directory with this root in it.
  mkdir -p "$CACHE/streamview/libraries"
  share "$CACHE/streamview/libraries"
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  mount -t tmpfs tmpfs "$ROOT/tmp"
  cd "$REPOSITORY"
  exec chroot "$ROOT" env -i HOME="$HOME" XDG_CACHE_HOME="$CACHE" CCACHE_DIR="$CCACHE_DIR" \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" LANG=C.UTF-8 CI="${CI:-}" \
    sh -c '\''cd "$0" && exec "$@"'\'' "$REPOSITORY" "$@"' bash "$@"
