// ServerOptions: how a process serves its log, and what it lets a client have.

#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "core/engine.h"

namespace streamview {

struct ServerOptions {
  // Null: clients cannot prepare conditional transactions.
  WasCommitted was_committed;
  std::string host;  // of what this process is, for messages
  size_t max_connections = 256;
  size_t max_leases = 1000;        // of one client
  size_t max_all_leases = 20'000;  // of all together
  // So one process leaves room for others. (Those of other pid namespaces cannot be told apart.)
  size_t max_connections_of_process = 128;
  size_t max_clients_of_process = 16;       // a process has one for each copy of the library
  size_t max_page_rows = 10'000;            // in one answer
  size_t max_page_bytes = 1u << 20;         // about as many in one answer
  size_t max_transaction_bytes = 1u << 30;  // of one transaction; only one at a time has any
  // How often a client is told that its request is still being worked on.
  std::chrono::milliseconds heartbeat{1000};
  // How long a process that closes the log goes on serving those who are in the middle of reading.
  std::chrono::milliseconds linger{1000};
  // How long a client may take to begin to read an answer; a long one may take longer.
  std::chrono::milliseconds send_time{10'000};
};

}  // namespace streamview
