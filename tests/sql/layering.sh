#!/bin/bash
# Dependencies run one way (docs/architecture.md):
#
#   ext -> core/session -> core/engine.h
#   ext -> core/engine_registry.h -> local_engine -> indexer -> view -> index
#     -> map, docs, log -> codec, storage -> base
#
# and core/ knows nothing of SQLite, ext/ nothing of RocksDB, hold/ only SQLite. core/engine.h is an interface: the parts
# that implement a piece of it include it too.
set -euo pipefail

cd "$1"
failed=

# refuse <why> <extended regular expression of an include's path> <file or directory>...
refuse() {
  local why=$1 path=$2 found
  shift 2
  found=$(grep -rnE --include='*.h' --include='*.hpp' --include='*.cc' \
    "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($path)" "$@" || true)
  [[ -z $found ]] && return
  echo "$why:" >&2
  echo "$found" >&2
  failed=1
}

refuse 'core/ must not include SQLite' 'sqlite3|ext/' core
refuse 'ext/ must not include RocksDB' 'rocksdb/' ext
words=$(grep -rnE --include='*.h' --include='*.cc' '"[^"]*(\bsv_[a-z]+|\bpath=)' core || true)
if [[ -n $words ]]; then
  echo "core/ must not speak SQL: ext/sql_terms.h says it for a Remedy:" >&2
  echo "$words" >&2
  failed=1
fi
refuse 'core/base/ is the bottom' 'core/(codec|storage|log|docs|map|index|view|indexer|[a-z_]*\.h)' core/base
refuse 'core/codec/ and core/storage/ stand on core/base/ only' \
  'core/(log|docs|map|index|view|indexer|[a-z_]*\.h)' core/codec core/storage
refuse 'core/map/ knows one entry at a time' 'core/(storage|log|docs|index|view)/|core/engine' core/map
refuse 'core/log/ and docs/ must not know what stands on them' 'core/(map|index|view)/' core/log core/docs
refuse 'core/index/ must not know the views' 'core/view/' core/index
refuse 'core/log/, docs/, index/ and view/ must not know who drives them' \
  'core/(indexer/|local_engine|engine_registry)' core/log core/docs core/map core/index core/view
refuse 'core/session/ knows the engine by its interface only' \
  'rocksdb/|core/(storage|log|docs|index|view|indexer)/|core/local_engine|core/engine_registry' core/session
refuse 'engines know committed data only' 'core/session/' \
  core/base core/codec core/storage core/log core/docs core/map core/index core/view core/indexer core/local_engine.* core/remote
refuse 'core/remote/ serves and uses an engine by its interface only' \
  'rocksdb/|core/(storage|log|docs|index|view|indexer)/|core/local_engine|core/engine_registry' core/remote
refuse 'the embedded engine does not know that it is served' 'core/remote/' \
  core/base core/codec core/storage core/log core/docs core/map core/index core/view core/indexer core/local_engine.*
refuse 'ext/ knows the engine by its interface only' \
  'core/(codec|storage|log|docs|index|view|indexer)/|core/local_engine' ext
refuse 'hold/ is a client of SQLite and the extension, and takes from core/ nothing but base/' \
  'rocksdb/|ext/|core/([^b]|b[^a])' hold
refuse 'ext/sqlite_vtab/ is a library of its own' 'core/|ext/[^/]*[.]' ext/sqlite_vtab

[[ -z $failed ]]
