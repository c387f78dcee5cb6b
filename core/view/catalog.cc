#include "core/view/catalog.h"

#include "core/codec/sized_string.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kViewPrefix[] = "view/";
constexpr char kEntryVersion = 1;

Status DecodeEntry(std::string_view bytes, CatalogEntry* entry) {
  std::string definition;
  if (bytes.empty() || bytes[0] != kEntryVersion) {
    return Status::Corruption("the catalog entry of view " + entry->view_id +
                              " has an unknown version");
  }
  bytes.remove_prefix(1);
  if (!ReadString(&bytes, &entry->family) || !ReadString(&bytes, &entry->building_family) ||
      !ReadString(&bytes, &definition) || !bytes.empty()) {
    return Status::Corruption("the catalog entry of view " + entry->view_id + " is malformed");
  }
  SV_ASSIGN_OR_RETURN(entry->definition, ViewDefinition::Decode(definition));
  return Status::Ok();
}

}  // namespace

Result<std::vector<CatalogEntry>> Catalog::Load() const {
  std::vector<CatalogEntry> entries;
  std::unique_ptr<rocksdb::Iterator> it(
      store_->db()->NewIterator(rocksdb::ReadOptions(), store_->meta()));
  for (it->Seek(kViewPrefix); it->Valid() && it->key().starts_with(kViewPrefix); it->Next()) {
    CatalogEntry entry;
    entry.view_id = it->key().ToString().substr(sizeof(kViewPrefix) - 1);
    if (DecodeEntry(ToView(it->value()), &entry).ok()) entries.push_back(std::move(entry));
  }
  SV_RETURN_IF_ERROR(FromRocks(it->status(), "reading the catalog"));
  return entries;
}

Status Catalog::Put(const CatalogEntry& entry) {
  std::string bytes(1, kEntryVersion);
  AppendString(&bytes, entry.family);
  AppendString(&bytes, entry.building_family);
  AppendString(&bytes, entry.definition.Encode());
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(FromRocks(batch.Put(store_->meta(), kViewPrefix + entry.view_id, bytes),
                               "writing the catalog"));
  return Write(&batch);
}

Status Catalog::Remove(const std::string& view_id) {
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(
      FromRocks(batch.Delete(store_->meta(), kViewPrefix + view_id), "writing the catalog"));
  return Write(&batch);
}

Status Catalog::Write(rocksdb::WriteBatch* batch) {
  SV_RETURN_IF_ERROR(store_->Write(batch));
  return store_->FlushWal(/*sync=*/true);
}

}  // namespace streamview
