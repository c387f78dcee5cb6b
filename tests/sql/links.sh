#!/bin/bash
# Every relative link of the documentation leads to a file that is there, and to a heading of it.
set -euo pipefail

cd "$1"
failed=

# anchors <document>: its headings as GitHub makes anchors of them.
anchors() {
  sed -nE '/^```/,/^```/d; s/^#+ +//p' "$1" | tr '[:upper:]' '[:lower:]' |
    sed -E -e 's/[^a-z0-9_ -]//g' -e 's/ /-/g'
}

for document in README.md docs/*.md; do
  while read -r link; do
    file=${link%%#*}
    target=$document
    [[ -z $file ]] || target=$(dirname "$document")/$file
    if [[ ! -e $target ]]; then
      echo "$document links to $link: there is no $target" >&2
      failed=1
    elif [[ $link == *'#'* ]] && ! anchors "$target" | grep -qxF -e "${link#*#}"; then
      echo "$document links to $link: there is no such heading" >&2
      failed=1
    fi
  done < <(tr '\n' ' ' < "$document" | grep -oE '\]\([^) ]+\)' | sed -E 's/^\]\((.*)\)$/\1/' |
    grep -vE '^[a-z]+:' || true)
done

[[ -z $failed ]]
