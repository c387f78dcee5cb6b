#include "core/remote/service.h"

namespace streamview {

Status Service::Do(Request& request, Leases& leases) const {
  using wire::Op;
  const auto kind = [](Op op) { return static_cast<uint8_t>(op) / 16; };
  const int asked = kind(request.op);
  if (asked == kind(Op::kHead)) return DoWrite(serving_, request, leases);
  if (asked == kind(Op::kReadLog)) return DoLog(serving_, request);
  if (asked == kind(Op::kReadDocs)) return DoDocs(serving_, request, leases);
  if (asked == kind(Op::kCreateView)) return DoCatalog(serving_, request);
  if (asked == kind(Op::kReadView)) return DoRead(serving_, request, leases);
  if (asked == kind(Op::kAdvance)) return DoView(serving_, request, leases);
  return Malformed();
}

}  // namespace streamview
