// How often this process has asked the one that holds a log for something.

#pragma once

#include <cstdint>

namespace streamview::testing {

// Requests that were sent over any connection, by any thread, so far (core/remote/wire.h).
int64_t SentRequests();

}  // namespace streamview::testing
