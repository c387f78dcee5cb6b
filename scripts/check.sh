#!/bin/bash
# Looks for faults by other means than tests.
# shellcheck disable=SC2016  # what xargs hands to a shell is expanded there
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: scripts/check.sh [part]...

Installs what is missing, then runs these checks, by default all of them; goes on after one that fails,
and tells at the end:

  format      the sources are as clang-format writes them
  includes    each header compiles by itself; core/ knows nothing of SQLite, ext/ nothing of RocksDB
  shellcheck  the shell scripts
  cppcheck    the sources, by cppcheck
  tidy        the sources, by clang-tidy (.clang-tidy)
  valgrind    scripted tests (tests/sql) under valgrind
  fuzz        each fuzzer (tests/fuzz) for a while; compiled by clang, which checks the lock annotations

  ci          format, includes, shellcheck, cppcheck, and for 10 s each the fuzzers of the engine

FUZZ_SECONDS is the time for each fuzzer (60). FUZZERS and FILES, lists of names, limit fuzz, and tidy and
cppcheck, to these. What a fuzzer finds is in build-fuzz/findings, what it came by in build-fuzz/corpus;
build-fuzz/tests/fuzz/fuzz_<name> <file> runs it again.
USAGE
}

cd "$(dirname "$0")/.."
jobs=$(nproc)
all=(format includes shellcheck cppcheck tidy valgrind fuzz)
parts=()
for part in "${@:-all}"; do
  case $part in
    all) parts+=("${all[@]}") ;;
    ci)
      parts+=(format includes shellcheck cppcheck fuzz)
      export FUZZ_SECONDS=${FUZZ_SECONDS:-10}
      # Without the one that is slow.
      FUZZERS=${FUZZERS:-$(find tests/fuzz/corpus -mindepth 1 -maxdepth 1 ! -name sql -printf '%f ')}
      ;;
    format | includes | shellcheck | cppcheck | tidy | valgrind | fuzz) parts+=("$part") ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

scripts/install-deps.sh check

# Those of the repository, also where it is not under git.
sources() {
  find core ext hold tests bench -name node_modules -prune -o -type f \( "$@" \) -print | sort
}

# The sources of the product, or FILES.
to_look_at() {
  if [[ -n ${FILES:-} ]]; then
    xargs -n 1 <<< "$FILES"
  else
    find core ext hold -name '*.cc' | sort
  fi
}

# A build directory with compile_commands.json, and the version of the libraries that the sources include.
configure_tidy() {
  cmake -S . -B build-tidy -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_COMPILER=clang++ \
    -DCMAKE_C_COMPILER=clang -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DSTREAMVIEW_TESTS=ON > /dev/null
}

check_format() {
  sources -name '*.cc' -o -name '*.h' -o -name '*.hpp' |
    xargs clang-format --dry-run --Werror || return 1
  # Which leaves comments as they are.
  ! sources -name '*.cc' -o -name '*.h' -o -name '*.hpp' | xargs grep -nP '^(?=.{101}) *//' ||
    { echo "comments of more than 100 columns" >&2; return 1; }
}

check_includes() {
  tests/sql/layering.sh . &&
    sources -name '*.h' -o -name '*.hpp' | grep -v '^bench/' |
    xargs -P "$jobs" -I {} sh -c '
      g++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I. -DSTREAMVIEW_SO=\"\" -x c++ -include "$1" /dev/null ||
        { echo "$1 does not compile by itself" >&2; exit 1; }' sh {}
}

check_shellcheck() {
  find scripts tests bench -name node_modules -prune -o -name '*.sh' -print0 | xargs -0 shellcheck .ci/run
}

check_cppcheck() {
  to_look_at | grep -E '^(core|ext|hold)/' |
    xargs cppcheck -j "$jobs" --quiet --error-exitcode=1 --std=c++20 --language=c++ -I . \
      --enable=warning,performance,portability --inline-suppr \
      --suppressions-list=scripts/cppcheck.supp
}

# A source that was found clean is looked at again when it, a header or a rule has changed.
tidy_one() {
  local source=$1 key stamp
  key=$({ cat "$source" .clang-tidy; find core ext hold tests -name '*.h*' -print0 | sort -z | xargs -0 cat; } |
    sha256sum | cut -c 1-32)
  stamp=build-tidy/clean/${source//\//_}.$key
  [[ -e $stamp ]] && return
  clang-tidy --quiet -p build-tidy "$source" 2> /dev/null || return
  mkdir -p build-tidy/clean
  rm -f "build-tidy/clean/${source//\//_}".*
  : > "$stamp"
}

check_tidy() {
  configure_tidy
  export -f tidy_one
  to_look_at | xargs -P "$jobs" -I {} bash -c 'tidy_one "$1"' bash {}
}

check_valgrind() {
  cmake --preset release -DSTREAMVIEW_TESTS=ON > /dev/null
  cmake --build --preset release --parallel "$jobs" --target streamview
  local script log=$PWD/build/valgrind.log status=0
  # Not key_order: valgrind has no 80-bit reals, with which SQLite prints numbers.
  for script in quickstart transactions supersede errors documents plans backup; do
    STREAMVIEW_RUNNER="valgrind --quiet --error-exitcode=200 --log-file=$log --leak-check=full
      --errors-for-leak-kinds=definite" \
      tests/sql/run.sh build/streamview.so "tests/sql/$script.sql" ||
      { cat "$log"; status=1; }
  done
  return $status
}

fuzz_one() {
  local name=$1 seconds=$2 log=build-fuzz/$1.log
  mkdir -p "build-fuzz/corpus/$name" build-fuzz/findings
  if build-fuzz/tests/fuzz/fuzz_"$name" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=4096 \
    -print_final_stats=1 -artifact_prefix="build-fuzz/findings/$name-" \
    "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" > "$log" 2>&1; then
    echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, nothing found"
  else
    tail -n 60 "$log"
    echo "fuzz: $name has found something: $log"
    return 1
  fi
}

check_fuzz() {
  cmake --preset fuzz -DSTREAMVIEW_TESTS=ON > /dev/null
  local names=${FUZZERS:-$(find tests/fuzz/corpus -mindepth 1 -maxdepth 1 -printf '%f ')}
  local targets=(streamview) name
  for name in $names; do targets+=("fuzz_$name"); done
  cmake --build --preset fuzz --parallel "$jobs" --target "${targets[@]}"
  export -f fuzz_one
  export ASAN_OPTIONS=intercept_tls_get_addr=0  # why: the test preset asan-ubsan in CMakePresets.json
  # Databases are made by the thousand: in memory, where there is a place for files in memory.
  if [[ -z ${TMPDIR:-} && -w /dev/shm ]]; then export TMPDIR=/dev/shm; fi
  xargs -n 1 <<< "$names" |
    xargs -P "$jobs" -I {} bash -c 'fuzz_one "$1" "$2"' bash {} "${FUZZ_SECONDS:-60}"
}

failed=()
for part in "${parts[@]}"; do
  echo "== $part"
  # In the background, or errors inside of it would not end it.
  "check_$part" &
  wait $! || failed+=("$part")
done
if ((${#failed[@]})); then
  echo "check: failed: ${failed[*]}" >&2
  exit 1
fi
echo "check: nothing found by ${parts[*]}"
