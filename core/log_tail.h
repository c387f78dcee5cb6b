// LogTail: the committed entries of a log past a given one, in order, and then those that are
// appended from now on, by whomever.
//
// With a view, an entry is given only once the view has processed it; whoever waits for the entry
// advances the view itself, as readers do.
//
// Not thread-safe. While it waits it holds nothing of the log that others could need.

#pragma once

#include <memory>

#include "core/base/check.h"
#include "core/engine.h"

namespace streamview {

class LogTail {
 public:
  // `view`, one of the engine's, may be null.
  LogTail(std::shared_ptr<Engine> engine, std::shared_ptr<View> view, Seq after)
      : engine_(std::move(engine)), view_(std::move(view)), next_(after + 1) {}

  // Takes stock of what is there now; of a view, at least up to `view_at_least`. Errors:
  // kInvalidArgument (the log is not that long), and those of View::AdvanceTo but kFailed.
  // REQUIRES: view_at_least <= Engine::Head(), or kLatest
  Status Begin(Seq view_at_least, const WaitOptions& wait);
  // Goes to the next entry of those that Begin or Await has found. False: there is none. Errors:
  // kFailed after the last entry that the view has processed before it stopped; kCorruption,
  // kIOError. REQUIRES: Begin() returned OK
  Result<bool> Next();
  // Returns once there are more, or the view has stopped. Errors: those of Begin. REQUIRES: Next()
  // returned false
  Status Await(const WaitOptions& wait);

  // Valid until the next call of Next() or Await(). REQUIRES: Next() returned true
  const Entry& entry() const {
    SV_REQUIRE(cursor_ != nullptr);
    return cursor_->entry();
  }

 private:
  Status AdvanceView(Seq seq, const WaitOptions& wait);

  const std::shared_ptr<Engine> engine_;  // goes last
  const std::shared_ptr<View> view_;
  Seq next_;
  Seq last_ = 0;    // the last one that may be given
  Status stopped_;  // why there are none after it
  std::unique_ptr<LogCursor> cursor_;
};

}  // namespace streamview
