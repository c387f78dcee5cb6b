#include "tests/ext/testing/sent_requests.h"

#include <dlfcn.h>
#include <sys/socket.h>

#include <atomic>
#include <string_view>

#include "core/remote/frame.h"
#include "core/remote/wire.h"

namespace streamview::testing {

namespace {

constexpr size_t kLengthBytes = 4;

std::atomic<int64_t> sent_requests = 0;

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

}  // namespace

int64_t SentRequests() { return sent_requests; }

}  // namespace streamview::testing

// The extension calls this in place of the C library's: a program's come first.
extern "C" __attribute__((visibility("default"))) ssize_t send(int fd, const void* data,
                                                               size_t size, int flags) {
  using Send = decltype(&send);
  static const auto real = reinterpret_cast<Send>(dlsym(RTLD_NEXT, "send"));
  const ssize_t sent = real(fd, data, size, flags);
  if (sent == static_cast<ssize_t>(size)) {
    streamview::testing::CountRequests({static_cast<const char*>(data), size});
  }
  return sent;
}
