// Mapper: the function from one log entry to the index rows of a view.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/base/entry.h"
#include "core/base/status.h"
#include "core/base/value.h"
#include "core/map/definition.h"

namespace streamview {

// Where a Mapper puts its rows.
class Emitter {
 public:
  virtual ~Emitter() = default;
  // `row` has as many values as the definition has columns. The values are copied before it
  // returns. An error (a row past the limits) must be returned from Map unchanged.
  virtual Status Emit(std::span<const ValueView> row) = 0;
};

// A pure function of the entry: the same entry gives the same rows, in the same order, on any
// thread, today and after a restart. The engine calls Map from one thread at a time, not always the
// same one, never for tombstones, and never with a lock held that a Mapper could need.
class Mapper {
 public:
  virtual ~Mapper() = default;
  // An error means that this entry cannot be mapped; its message is kept for the user. Rows emitted
  // before the error are dropped. kNoMemory and kInterrupted are not blamed on the entry: the
  // engine tries again later. Must not throw, but for std::bad_alloc.
  virtual Status Map(const Entry& entry, Emitter& emitter) = 0;
};

// Makes the Mapper of a definition. Called from any thread, and with locks of the engine held: it
// must not call the engine.
using MapperFactory = std::function<Result<std::unique_ptr<Mapper>>(const ViewDefinition&)>;

// Bounds on what one entry may emit; beyond them the entry is a map error.
constexpr size_t kMaxEmissionsPerEntry = 100'000;
constexpr size_t kMaxEmittedBytesPerEntry = 64u << 20;

}  // namespace streamview
