#!/bin/bash
# No include cycles in core/, ext/ and hold/, where each .h (or .hpp) and its .cc count as one: neither is
# understood, tested or moved without the other.
#
# usage: cycles.sh <directory of the sources>
set -euo pipefail

# find_cycles <directory>: fails where there is a cycle, and names its files, one a line.
find_cycles() {
  (cd "$1" && grep -rE --include='*.h' --include='*.hpp' --include='*.cc' \
    '^[[:space:]]*#[[:space:]]*include[[:space:]]*"(core|ext|hold)/' core ext hold) |
    sed -E 's/\.(h|hpp|cc):[^"]*"/ /; s/\.(h|hpp)".*$//' |
    awk '$1 != $2' | sort -u | tee "$edges" | tsort >"$order" 2>"$loop"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
edges=$work/edges order=$work/order loop=$work/loop

# That it finds one: a.cc includes b.h, b.hpp includes a.h.
mkdir -p "$work"/planted/{core,ext,hold}
echo '#include "core/b.hpp"' >"$work/planted/core/a.cc"
echo '#include "core/a.h"  // see there' >"$work/planted/core/b.hpp"
echo '#include "core/a.h"' >"$work/planted/ext/c.h"
if find_cycles "$work/planted" || [[ $(sort "$loop") != *core/a*core/b* ]]; then
  echo "a planted cycle is not found" >&2
  exit 1
fi

if ! find_cycles "$1"; then
  echo 'These files include each other in a circle:' >&2
  sed -n 's/^tsort: \(core\|ext\|hold\)/\1/p' "$loop" >&2
  exit 1
fi
# More includes than that are known: fewer would mean that they are not found.
if (($(wc -l <"$edges") < 300)); then
  echo "only $(wc -l <"$edges") includes are found" >&2
  exit 1
fi
