#include "core/log/conditional.h"

#include <charconv>

#include "core/codec/sized_string.h"
#include "core/codec/varint.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kConditionalKey[] = "conditional";  // in the metadata

// Whether `count` entries from `first` on can be those of a transaction; 0 and 0: none.
bool IsRun(Seq first, uint64_t count) {
  if (first == 0 || count == 0) return first == count;
  return first <= kMaxSeq && count <= kMaxSeq;
}

// The number that a token ends in; 0: there is none.
Seq LastEntryOf(const std::string& token) {
  const size_t dash = token.rfind('-');
  Seq seq = 0;
  if (dash == std::string::npos) return seq;
  const char* const end = token.data() + token.size();
  const auto [parsed, error] = std::from_chars(token.data() + dash + 1, end, seq);
  return error == std::errc() && parsed == end ? seq : 0;
}

}  // namespace

Result<Conditional> LoadConditional(const LogStore& store) {
  Conditional result;
  std::string bytes;
  const rocksdb::Status read =
      store.db()->Get(rocksdb::ReadOptions(), store.meta(), kConditionalKey, &bytes);
  if (read.IsNotFound()) return result;
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the log's last transaction"));
  std::string_view rest = bytes;
  if (!ReadVarint(&rest, &result.first) || !ReadVarint(&rest, &result.count) ||
      !ReadString(&rest, &result.token) || !ReadString(&rest, &result.previous) || !rest.empty() ||
      !IsRun(result.first, result.count)) {
    return Status::Corruption("what the log says of its last transaction is malformed");
  }
  return result;
}

Status PutConditional(const LogStore& store, const Conditional& conditional,
                      rocksdb::WriteBatch* batch) {
  std::string bytes;
  AppendVarint(&bytes, conditional.first);
  AppendVarint(&bytes, conditional.count);
  AppendString(&bytes, conditional.token);
  AppendString(&bytes, conditional.previous);
  return FromRocks(batch->Put(store.meta(), kConditionalKey, bytes), "writing the log");
}

Status TokenMismatch(Seq head, const std::string& known, const std::string& committed) {
  const Seq in_database = LastEntryOf(committed);
  const Seq in_log = LastEntryOf(known);
  std::string message;
  if (in_database > head) {
    message = "the log is older than its database: it ends with entry " + std::to_string(head) +
              ", and the database knows of entry " + std::to_string(in_database);
  } else if (in_database < in_log) {
    message = "the database is older than its log: of what was written to both, the log has " +
              std::string("transactions up to entry ") + std::to_string(in_log) +
              ", and the database up to entry " + std::to_string(in_database);
  } else {
    message = "the log and its database are from different points in time";
  }
  return Status::CannotOpen(message + "; put the matching one back, or accept both as they are")
      .WithRemedy(Remedy::kAdopt);
}

}  // namespace streamview
