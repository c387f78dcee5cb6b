// Request: what a client asks for, and what those who do it have (core/remote/service.h). Each kind
// of requests has a file: write_requests.cc, log_requests.cc, docs_requests.cc, view_requests.cc.

#pragma once

#include <cstddef>
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

// What all requests to one log are done with.
struct Serving {
  Engine* engine = nullptr;
  Decisions* decisions = nullptr;
  size_t page_rows = 0;  // the most in one answer
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

// Of a request that cannot be taken apart, or asks for what no client of ours asks for.
inline Status Malformed() { return Status::InvalidArgument("the request is not understood"); }

// Takes the fields of a request, which are all that it has.
template <typename... Ts>
Status TakeFields(const Request& request, Ts*... fields) {
  return wire::TakeWhole(request.fields, fields...) ? Status::Ok() : Malformed();
}

template <typename... Ts>
void Give(Request& request, const Ts&... fields) {
  wire::PutAll(request.answer, fields...);
}

// Whether the log has this entry, or it is kLatest.
inline Status CheckSeq(const Serving& serving, Seq seq) {
  if (seq == kLatest || seq <= serving.engine->Head()) return Status::Ok();
  return Status::Misuse("the log has no entry " + std::to_string(seq));
}

// Each does the requests of one kind. Thread-safe; contract: Service::Do.
Status DoWrite(const Serving& serving, Request& request, Leases& leases);
Status DoLog(const Serving& serving, Request& request);
Status DoDocs(const Serving& serving, Request& request, Leases& leases);
Status DoCatalog(const Serving& serving, Request& request);
Status DoRead(const Serving& serving, Request& request, Leases& leases);
Status DoView(const Serving& serving, Request& request, Leases& leases);

}  // namespace streamview
