// Service: does the requests of clients on an engine.

#pragma once

#include "core/base/status.h"
#include "core/remote/leases.h"
#include "core/remote/request.h"

namespace streamview {

// Thread-safe.
class Service {
 public:
  explicit Service(const Serving& serving) : serving_(serving) {}

  // On error the answer's fields are unspecified. Errors: kInvalidArgument (the request is not
  // understood, or asks for what there cannot be), and those of the engine.
  Status Do(Request& request, Leases& leases) const;

 private:
  const Serving serving_;
};

}  // namespace streamview
