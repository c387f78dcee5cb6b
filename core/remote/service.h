// Service: does the requests of clients on an engine.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/engine.h"
#include "core/remote/decisions.h"
#include "core/remote/leases.h"
#include "core/remote/wire.h"

namespace streamview {

struct ServiceLimits {
  size_t page_rows = 0;
  size_t page_bytes = 0;
  size_t transaction_bytes = 0;
  bool conditional = false;  // conditional transactions can be decided
};

// One request: what it is, and what comes of it.
struct Request {
  wire::Op op;
  std::string_view fields;
  WaitOptions wait;
  bool same_user = false;  // the client is a process of the user of this one

  // The fields of the answer go to the end of it.
  std::string* answer = nullptr;
  uint64_t lease = 0;
};

// Thread-safe.
class Service {
 public:
  Service(Engine* engine, Decisions* decisions, const ServiceLimits& limits)
      : engine_(engine), decisions_(decisions), limits_(limits) {}

  // On error the answer's fields are unspecified. Errors: kInvalidArgument (the request is not
  // understood, or asks for what there cannot be), and those of the engine.
  Status Do(Request& request, Leases& leases) const;

 private:
  Status DoWrite(Request& request, Leases& leases) const;
  Status DoLog(Request& request) const;
  Status DoDocs(Request& request, Leases& leases) const;
  Status DoCatalog(Request& request) const;
  Status DoRead(Request& request, Leases& leases) const;
  Status DoView(Request& request, Leases& leases) const;

  Status TakeTurn(Request& request, Leases& leases) const;
  Status Upload(Request& request, Leases& leases) const;
  Status Prepare(Request& request, Leases& leases) const;
  Status End(Request& request, Leases& leases) const;
  Status AppendNow(Request& request) const;
  Status ReadLog(Request& request) const;
  Status ReadEntries(Request& request) const;
  Status Backup(Request& request) const;
  Status ReadDocs(Request& request, Leases& leases) const;
  Status ScanDocs(Request& request, Leases& leases) const;
  Status NextDocs(Request& request, Leases& leases) const;
  Status ScanHistory(Request& request, Leases& leases) const;
  Status NextHistory(Request& request, Leases& leases) const;
  Status ReadView(Request& request, Leases& leases) const;
  Status ScanRows(Request& request, Leases& leases) const;
  Status NextRows(Request& request, Leases& leases) const;
  Status ScanIndex(Request& request, Leases& leases) const;
  Status ReadChanges(Request& request, Leases& leases) const;
  Status ListErrors(Request& request, View& view) const;

  Status CheckSeq(Seq seq) const;
  Status BeginRows(Request& request, Leases& leases, const std::shared_ptr<ViewLease>& view,
                   const ViewRange& range, const wire::PageLimits& limits) const;
  Status BeginDocs(Request& request, Leases& leases, const std::shared_ptr<DocsLease>& docs,
                   const DocRange& range, const wire::PageLimits& limits) const;
  wire::PageLimits Limited(const wire::PageLimits& limits) const;

  Engine* const engine_;
  Decisions* const decisions_;
  const ServiceLimits limits_;
};

}  // namespace streamview
