// A log that a C++ program uses by itself, with no SQLite database beside it.
//
// Include this header and no other: what it brings along is the whole public interface (the engine,
// its views, Session for transactions, Mapper, Value, Status, the size of the cache). It is linked
// statically, and its ABI is not stable: a program is compiled against the release that it is
// linked with. What is on disk is stable (docs/format.md).
//
// examples/assets.cc is a program that uses it.

#pragma once

#include <memory>
#include <string>

#include "core/cache.h"
#include "core/engine.h"
#include "core/session/session.h"

namespace streamview {

struct StandaloneOptions {
  // Where the log is; its parent must exist. Empty: a new log in memory.
  std::string directory;
  // Makes the mappers of views with MapKind::kCustom, now and whenever the log is opened again. May
  // be empty.
  MapperFactory mapper_factory;
  // False: no background thread; views advance as they are read.
  bool background = true;
};

// Opens the log of a directory with all its views; makes one where the directory is missing or
// empty (two processes must not make the same one at once). Whoever opens it again in this process
// gets the same engine, and the other options are not looked at. Errors: kCannotOpen (the directory
// holds other files, cannot be written, or is the log of a SQLite database that is still there:
// only that knows which transactions and views count), kBusy (another process has it, and cannot be
// reached: the message names its pid), kCorruption, kMisuse (forked child).
Result<std::shared_ptr<Engine>> OpenStandalone(const StandaloneOptions& options);

// The view of the name definition.name, as the definition has it: the one there is, or else a new
// one in its place, which the log fills in the background. For each name by one thread at a time.
// On error a view of that name that was there still is. Errors: those of Engine::CreateView.
Result<std::shared_ptr<View>> DefineView(Engine* engine, const ViewDefinition& definition);

}  // namespace streamview
