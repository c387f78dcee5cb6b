#include "tests/ext/testing/sent_requests.h"

#include <atomic>

#include "core/remote/frame.h"
#include "core/remote/wire.h"

namespace streamview::testing {

namespace {

constexpr size_t kLengthBytes = 4;

std::atomic<int64_t> sent_requests = 0;

}  // namespace

// Releases and the like go in front of a request, in one piece with it.
void CountRequests(std::string_view messages) {
  while (messages.size() >= kFrameHeaderBytes) {
    size_t length = 0;
    for (size_t i = 0; i < kLengthBytes; i++) length = length << 8 | uint8_t(messages[i]);
    if (uint8_t(messages[kLengthBytes]) >= uint8_t(wire::Op::kHead)) sent_requests++;
    if (length > messages.size() - kLengthBytes) return;
    messages.remove_prefix(kLengthBytes + length);
  }
}

int64_t SentRequests() { return sent_requests; }

}  // namespace streamview::testing
