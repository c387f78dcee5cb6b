// Included before everything else where the bundled RocksDB is used. It is in a namespace of its own, so
// that it can be in one program with another RocksDB; the sources name it as any other.
#include <rocksdb/rocksdb_namespace.h>

namespace ROCKSDB_NAMESPACE {}
namespace rocksdb = ROCKSDB_NAMESPACE;
