#!/bin/bash
# Builds the static libraries that a self-contained streamview.so is linked with.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/bundled-libraries.sh [--sources <directory>]

Builds RocksDB, and the libraries that RocksDB and streamview need, for -DSTREAMVIEW_ROCKSDB=bundled:
static, optimised, position-independent. Prints where they are: <library>=<directory>, one a line. CMake
runs this; building RocksDB takes about 12 minutes of one processor core, and is done once. The result is
in ${XDG_CACHE_HOME:-~/.cache}/streamview/libraries/, outside all build directories. It is built again only
for another version, compiler or option.

The source of each library is taken from the first of these that has it:

  1. the directory that --sources or the environment variable STREAMVIEW_SOURCES names, with the archives
     as released (rocksdb-9.10.0.tar.gz, v9.10.0.tar.gz) or as Debian names them
     (rocksdb_9.10.0.orig.tar.gz)
  2. the release's archive, by curl
  3. Debian's source archive, by this machine's apt, from the Debian mirror that it is set up for

Each archive must have the SHA-256 that stands in this script.
USAGE
}

sources=${STREAMVIEW_SOURCES:-}
while (($#)); do
  case $1 in
    --sources) sources=${2:?--sources needs a directory}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

say() { echo "bundled libraries: $*" >&2; }
die() { say "$*"; exit 1; }

[[ -z $sources || -d $sources ]] || die "no such directory: $sources"
[[ -z $sources ]] || sources=$(realpath "$sources")
cd "$(dirname "$0")/.."

# Not those of the caller: whoever builds streamview with clang or a sanitizer gets the same libraries.
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
export CC=cc CXX=c++
cache=${XDG_CACHE_HOME:-$HOME/.cache}/streamview/libraries
mkdir -p "$cache/sources"
cache=$(cd "$cache" && pwd -P)

# What is pinned. zstd, simdjson and CRoaring are those of Debian 12: streamview does the same with them as
# with the system's.
declare -A version release release_sum debian debian_sum
pin() {
  version[$1]=$2 release[$1]=$3 release_sum[$1]=$4 debian[$1]=$5 debian_sum[$1]=${6:-$4}
}
github=https://github.com
pin lz4 1.9.4 $github/lz4/lz4/archive/refs/tags/v1.9.4.tar.gz \
  0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b lz4
pin zstd 1.5.4 $github/facebook/zstd/releases/download/v1.5.4/zstd-1.5.4.tar.gz \
  0f470992aedad543126d06efab344dc5f3e171893810455787d38347343a4424 \
  libzstd 8cf4bbb65e77ec348d052c8d6230eba66d435bddf64c8b5be2fcb16880c19953
pin simdjson 3.0.1 $github/simdjson/simdjson/archive/v3.0.1.tar.gz \
  156b1bc5eb0561b2bd166b46d191fd3d95a3e709cc63761477d3b7aec2b6e9ed simdjson
pin roaring 0.2.66 $github/RoaringBitmap/CRoaring/archive/v0.2.66.tar.gz \
  df98bd8f6ff09097ada529a004af758ff4d33faf6a06fadf8fad9a6533afc241 \
  croaring 895354a08c6142643c193f3b31b079884796640b65c7a54094069b3b98feda3c
pin rocksdb 9.10.0 $github/facebook/rocksdb/archive/refs/tags/v9.10.0.tar.gz \
  fdccab16133c9d927a183c2648bcea8d956fb41eb1df2aacaa73eb0b95e43724 rocksdb

# is_pinned <library> <file>
is_pinned() {
  local sum
  sum=$(sha256sum < "$2")
  sum=${sum%% *}
  [[ $sum == "${release_sum[$1]}" || $sum == "${debian_sum[$1]}" ]]
}

# Each of these puts the archive of <library> into <file>, or fails and says why.

# A wrong archive that the user named ends everything: it is not what they think it is.
from_user() {
  local library=$1 file=$2 candidate
  [[ -n $sources ]] || return 1
  for candidate in "$sources/$library"[-_]"${version[$library]}"*.tar.* "$sources/v${version[$library]}".tar.* \
                   "$sources/${debian[$library]}_${version[$library]}"*.orig.tar.*; do
    [[ -f $candidate && $candidate != *.asc ]] || continue
    is_pinned "$library" "$candidate" ||
      die "$candidate is not $library ${version[$library]} as pinned: its SHA-256 is another"
    cp "$candidate" "$file"
    return 0
  done
  say "$sources has no archive of $library ${version[$library]}"
  return 1
}

# Where one cannot be loaded, the others are not tried: that can take long, each time.
from_release() {
  local library=$1 file=$2 error failed=$cache/building/no-releases
  [[ ! -e $failed ]] || return 1
  command -v curl > /dev/null || { say "curl is missing: no release archives"; : > "$failed"; return 1; }
  if ! error=$(curl --fail --silent --show-error --location --connect-timeout 15 --max-time 600 \
    --output "$file" "${release[$library]}" 2>&1); then
    say "${release[$library]}: $error"
    : > "$failed"
    return 1
  fi
}

# A configuration of apt that changes nothing of the machine's: lists of its own, with Debian's sources.
make_apt() {
  local apt=$1 mirror suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg option=
  mkdir -p "$apt"/{lists,cache}/partial "$apt/parts"
  [[ ! -f $keyring ]] || option="[signed-by=$keyring] "
  while read -r mirror; do
    for suite in bookworm trixie; do echo "deb-src $option$mirror $suite main"; done
  done < <(scripts/debian-mirrors.sh) > "$apt/sources.list"
  [[ -s $apt/sources.list ]] || { say "apt is not set up for a Debian mirror"; return 1; }
  # How to reach the mirror, a proxy for example, as everywhere else; but nothing that runs after updates.
  apt-config dump | grep '^Acquire::' > "$apt/apt.conf" || true
  cat >> "$apt/apt.conf" <<CONFIGURATION
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$apt/parts";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Sandbox::User "$(id -un)";
CONFIGURATION
}

from_debian() {
  local library=$1 file=$2 apt=$cache/building/apt package=${debian[$1]} release archive
  command -v apt-get > /dev/null || { say "this system has no apt: no source archives of Debian"; return 1; }
  if [[ ! -f $apt/apt.conf ]]; then
    say "asking apt for Debian's lists of sources"
    make_apt "$apt" || return 1
    APT_CONFIG=$apt/apt.conf apt-get update -qq >&2 || say "apt cannot read all lists of sources"
  fi
  # The Debian version whose source archive is the pinned one.
  release=$(APT_CONFIG=$apt/apt.conf apt-cache showsrc "$package" 2> /dev/null |
    awk -v sum="${debian_sum[$library]}" '$1 == "Version:" { v = $2 } $1 == sum && !n++ { print v }')
  [[ -n $release ]] || { say "apt knows no $package ${version[$library]}"; return 1; }
  rm -rf "$apt/download"
  mkdir -p "$apt/download"
  (cd "$apt/download" && APT_CONFIG=$apt/apt.conf apt-get source -qq --download-only --tar-only \
    "$package=$release" >&2) || { say "apt cannot load the source of $package $release"; return 1; }
  archive=$(find "$apt/download" -name '*.orig.tar.*' ! -name '*.asc')
  [[ -f $archive ]] && mv "$archive" "$file"
}

# source_archive <library>: where its archive is; finds it first.
source_archive() {
  local library=$1 origin
  local archive=$cache/sources/$library-${version[$1]} incoming=$cache/building/$1.archive
  if [[ -f $archive ]] && is_pinned "$library" "$archive"; then
    echo "$archive"
    return
  fi
  for origin in from_user from_release from_debian; do
    rm -f "$incoming"
    $origin "$library" "$incoming" || continue
    if is_pinned "$library" "$incoming"; then
      mv "$incoming" "$archive"
      echo "$archive"
      return
    fi
    say "$library ${version[$library]} ${origin/_/ } is refused: its SHA-256 is not the pinned one"
  done
  die "no source of $library ${version[$library]} can be had: put $(basename "${release[$library]}")" \
    "(${release[$library]}) into a directory, and name it by STREAMVIEW_SOURCES"
}

# Progress: a line for every 5 % of ninja's steps. (Not by awk, which would wait for more input.)
progress() {
  local line percent last=-1
  while read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] || continue
    percent=$((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    percent=$((percent - percent % 5))
    if ((percent != last && BASH_REMATCH[2] >= 20)); then
      say "$1: $percent % of ${BASH_REMATCH[2]} steps, $SECONDS s"
    fi
    last=$percent
  done
}

# with_cmake <library> <source directory> <destination> <target> <option>...
with_cmake() {
  local library=$1 source=$2 destination=$3 target=$4 log=$cache/building/$1.log launcher=()
  shift 4
  ! command -v ccache > /dev/null ||
    launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  local flags="-O2 -DNDEBUG -fvisibility=hidden -ffunction-sections -fdata-sections"
  flags+=" -fmacro-prefix-map=$cache/building/="
  {
    cmake -S "$source" -B "$source-build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_C_FLAGS_RELEASE="$flags" -DCMAKE_CXX_FLAGS_RELEASE="$flags -fvisibility-inlines-hidden" \
      -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF \
      -DCMAKE_INSTALL_PREFIX="$destination" -DCMAKE_INSTALL_LIBDIR=lib "${launcher[@]}" "$@" &&
      cmake --build "$source-build" --parallel "$(nproc)" --target "$target" &&
      cmake --install "$source-build"
  } 2>&1 | tee "$log" | progress "$library ${version[$library]}" ||
    { tail -n 40 "$log" >&2; die "$library ${version[$library]} cannot be built: $log"; }
}

# build_<library> <source directory> <destination>

build_lz4() {
  with_cmake lz4 "$1/build/cmake" "$2" all \
    -DBUILD_STATIC_LIBS=ON -DLZ4_BUILD_CLI=OFF -DLZ4_BUILD_LEGACY_LZ4C=OFF
}

build_zstd() {
  with_cmake zstd "$1/build/cmake" "$2" all -DZSTD_BUILD_SHARED=OFF -DZSTD_BUILD_PROGRAMS=OFF \
    -DZSTD_LEGACY_SUPPORT=OFF -DZSTD_MULTITHREAD_SUPPORT=OFF
}

build_simdjson() {
  with_cmake simdjson "$1" "$2" all -DSIMDJSON_DEVELOPER_MODE=OFF
}

# For any processor. It has flags of its own for a release, with assertions.
build_roaring() {
  with_cmake roaring "$1" "$2" all -DCMAKE_C_FLAGS="-DNDEBUG -fvisibility=hidden" \
    -DROARING_BUILD_STATIC=ON -DENABLE_ROARING_TESTS=OFF -DROARING_DISABLE_NATIVE=ON
}

# In a namespace of its own (what includes its headers needs the same definition): a program may have
# another RocksDB. Without the counters that each thread keeps of what it does: nobody reads them, and to
# look them up takes longer than to count. Compiled in batches of files (RocksDB's own tests compile all of it
# as one file), which takes a third of the time.
build_rocksdb() {
  patch --quiet --directory="$1" --strip=1 < cmake/bundled/rocksdb-crc32c.patch
  with_cmake rocksdb "$1" "$2" rocksdb -DCMAKE_CXX_FLAGS=-DROCKSDB_NAMESPACE=streamview_rocksdb \
    -DCMAKE_PREFIX_PATH="${built[lz4]};${built[zstd]}" -DPORTABLE=1 -DUSE_RTTI=ON \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 -DROCKSDB_BUILD_SHARED=OFF -DWITH_LZ4=ON -DWITH_ZSTD=ON -DWITH_SNAPPY=OFF -DWITH_ZLIB=OFF -DWITH_BZ2=OFF \
    -DWITH_GFLAGS=OFF -DWITH_LIBURING=OFF -DWITH_JEMALLOC=OFF -DWITH_NUMA=OFF -DWITH_TBB=OFF -DWITH_JNI=OFF \
    -DWITH_TESTS=OFF -DWITH_TOOLS=OFF -DWITH_CORE_TOOLS=OFF -DWITH_BENCHMARK_TOOLS=OFF -DWITH_TRACE_TOOLS=OFF \
    -DWITH_PERF_CONTEXT=OFF -DWITH_IOSTATS_CONTEXT=OFF -DFAIL_ON_WARNINGS=OFF
}

# key <library>: says all that decides what is built.
key() {
  echo "${version[$1]} ${release_sum[$1]} ${debian_sum[$1]}"
  cc --version | head -n 1
  c++ --version | head -n 1
  c++ -dumpmachine
  declare -f with_cmake "build_$1"
  if [[ $1 == rocksdb ]]; then
    sha256sum < cmake/bundled/rocksdb-crc32c.patch
    basename -a "${built[lz4]}" "${built[zstd]}"
  fi
}

# build <library> <destination>: nothing, or all of it, is at the destination afterwards.
build() {
  local library=$1 destination=$2 archive start=$SECONDS source=$cache/building/$1
  archive=$(source_archive "$library")
  say "building $library ${version[$library]}"
  rm -rf "$source" "$source.result"
  mkdir -p "$source"
  tar --extract --file="$archive" --directory="$source" --strip-components=1
  "build_$library" "$source" "$source.result"
  # An assertion would end the host's process.
  ! nm "$source.result"/lib/lib*.a 2> /dev/null | grep -q __assert_fail ||
    die "$library ${version[$library]} has been built with assertions"
  key "$library" > "$source.result/key"
  mv --no-target-directory "$source.result" "$destination"
  rm -rf "$source"
  say "built $library ${version[$library]} in $((SECONDS - start)) s: $destination"
}

declare -A built
missing=()
for library in lz4 zstd simdjson roaring rocksdb; do
  hash=$(key "$library" | sha256sum)
  built[$library]=$cache/$library-${version[$library]}-${hash:0:12}
  [[ -d ${built[$library]} ]] || missing+=("$library")
done

if ((${#missing[@]})); then
  # One at a time; what another one has built meanwhile is not built again. What an interrupted one has
  # left is removed.
  exec 9> "$cache/lock"
  flock --nonblock 9 || { say "waiting for another build of them"; flock 9; }
  rm -rf "$cache/building"
  mkdir -p "$cache/building"
  for library in "${missing[@]}"; do
    [[ -d ${built[$library]} ]] || build "$library" "${built[$library]}"
  done
  rm -rf "$cache/building"
fi

for library in "${!built[@]}"; do echo "$library=${built[$library]}"; done | sort
