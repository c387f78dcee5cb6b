#include "core/session/own_entries.h"

#include <string>
#include <utility>

#include "core/codec/record.h"

namespace streamview {

Entry OwnRun::Read(Seq seq) const {
  SV_REQUIRE(Has(seq));
  Entry entry;
  const Status decoded = DecodeRecord(*(*records_)[seq - first_], seq, &entry);
  SV_REQUIRE(decoded.ok());  // Append has made it
  return entry;
}

void OwnEntries::Begin(const LogEnd& end) {
  SV_REQUIRE(size() == 0);
  records_ = std::make_shared<Records>();
  end_ = end;
}

Result<Seq> OwnEntries::Append(const ValueView& key, const ValueView& value) {
  SV_REQUIRE(records_ != nullptr);
  const Seq seq = end_.seq + records_->size() + 1;
  SV_RETURN_IF_ERROR(CheckKey(key));
  SV_RETURN_IF_ERROR(CheckNumber(seq));
  std::string record;
  end_.time_ms = TimeAfter(end_.time_ms);
  AppendRecord(&record, end_.time_ms, key, value);
  records_->push_back(std::make_shared<const std::string>(std::move(record)));
  return seq;
}

void OwnEntries::Truncate(size_t size) {
  SV_REQUIRE(size <= this->size());
  if (size == this->size()) return;
  if (records_.use_count() == 1) return records_->resize(size);
  records_ = std::make_shared<Records>(records_->begin(),
                                       records_->begin() + static_cast<ptrdiff_t>(size));
}

}  // namespace streamview
