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
  SV_REQUIRE(size_ == 0);
  records_ = std::make_shared<Records>();
  end_ = end;
}

Result<Seq> OwnEntries::Append(const ValueView& key, const ValueView& value) {
  DropTruncated();
  const Seq seq = end_.seq + size_ + 1;
  SV_RETURN_IF_ERROR(CheckKey(key));
  SV_RETURN_IF_ERROR(CheckNumber(seq));
  std::string record;
  end_.time_ms = TimeAfter(end_.time_ms);
  AppendRecord(&record, end_.time_ms, key, value);
  records_->push_back(std::make_shared<const std::string>(std::move(record)));
  ++size_;
  return seq;
}

void OwnEntries::DropTruncated() {
  SV_REQUIRE(records_ != nullptr);
  if (records_->size() == size_) return;
  if (records_.use_count() == 1) return records_->resize(size_);
  const auto end = records_->begin() + static_cast<ptrdiff_t>(size_);
  records_ = std::make_shared<Records>(records_->begin(), end);
}

}  // namespace streamview
