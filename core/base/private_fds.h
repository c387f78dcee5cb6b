// Descriptors that a forked child must not keep open: what they are of (a lock, a connection) would
// outlive the process that has it.

#pragma once

namespace streamview {

// From now on a forked child closes its copy of `fd`, as it is forked. Thread-safe, as the next.
void AddPrivateFd(int fd);
// Closes it. REQUIRES: it was added in this process.
void ClosePrivateFd(int fd);

}  // namespace streamview
