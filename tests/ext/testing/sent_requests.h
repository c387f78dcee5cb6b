// How often this process has asked the one that holds a log for something.

#pragma once

#include <cstdint>
#include <string_view>

namespace streamview::testing {

// Requests that were sent over any connection, by any thread, so far (core/remote/wire.h).
int64_t SentRequests();

// Takes note of what was sent, in whole messages. For who stands between the library and the system
// (tests/ext/testing/crash_point.cc).
void CountRequests(std::string_view messages);

}  // namespace streamview::testing
