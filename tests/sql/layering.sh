#!/bin/bash
# Dependencies run one way (docs/architecture.md):
#
#   ext -> core/engine_registry.h -> local_engine -> indexer -> view, docs, log -> codec, storage -> base
#
# and core/ knows nothing of SQLite, ext/ nothing of RocksDB. core/engine.h is an interface: the parts
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
refuse 'core/base/ is the bottom' 'core/(codec|storage|log|docs|view|indexer|[a-z_]*\.h)' core/base
refuse 'core/codec/ and core/storage/ stand on core/base/ only' \
  'core/(log|docs|view|indexer|[a-z_]*\.h)' core/codec core/storage
refuse 'core/log/, docs/ and view/ must not know who drives them' \
  'core/(indexer/|local_engine|engine_registry)' core/log core/docs core/view
refuse 'ext/ knows the engine by its interface only' \
  'core/(codec|storage|log|docs|indexer)/|core/local_engine' ext
refuse 'ext/sqlite_vtab/ is a library of its own' 'core/|ext/[^/]*[.]' ext/sqlite_vtab

[[ -z $failed ]]
