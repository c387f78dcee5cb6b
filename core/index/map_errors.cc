#include "core/index/map_errors.h"

#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kPrefix = '\1';

}  // namespace

std::string MapErrorKey(Seq seq) {
  std::string key(1, kPrefix);
  AppendBigEndian64(&key, seq);
  return key;
}

std::string MapErrorValue(const ValueView& doc_id, std::string_view message) {
  std::string value;
  AppendTypedValue(&value, doc_id);
  return value.append(message);
}

MapErrorReader::MapErrorReader(rocksdb::DB* db, const ColumnFamily& family,
                               const rocksdb::Snapshot* snapshot, Seq after)
    : family_(family) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  it_.reset(db->NewIterator(options, family.handle()));
  it_->Seek(MapErrorKey(after + 1));
}

Result<bool> MapErrorReader::Next(MapError* error) {
  if (!it_->Valid() || it_->key().empty() || it_->key()[0] != kPrefix) {
    SV_RETURN_IF_ERROR(family_.CheckRead(it_->status(), "reading " + family_.name()));
    return false;
  }
  const rocksdb::Slice key = it_->key();
  std::string_view value = ToView(it_->value());
  ValueView doc_id;
  if (key.size() != 1 + sizeof(Seq) || !ReadTypedValue(&value, &doc_id)) {
    return family_.NoteDamage("an error record of " + family_.name() + " is malformed");
  }
  error->seq = DecodeBigEndian64(key.data() + 1);
  error->doc_id = Value(doc_id);
  error->message = value;
  it_->Next();
  return true;
}

}  // namespace streamview
