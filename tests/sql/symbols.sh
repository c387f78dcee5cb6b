#!/bin/bash
# streamview.so exports its entry point and nothing else: no symbol of it can clash with the host's.
set -euo pipefail

exported=$(nm --dynamic --defined-only --extern-only "$1" | awk '{ print $NF }')
if [[ $exported != sqlite3_streamview_init ]]; then
  echo "streamview.so exports other symbols than sqlite3_streamview_init:" >&2
  echo "$exported" >&2
  exit 1
fi
