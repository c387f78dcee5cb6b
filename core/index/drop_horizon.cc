#include "core/index/drop_horizon.h"

#include <utility>

#include "core/base/check.h"

namespace streamview {

namespace {

// Above this, states that no reader holds any more are looked for among all.
constexpr size_t kManyStates = 64;

}  // namespace

void DropHorizon::Add(const std::shared_ptr<const void>& state, Seq seq, const SeqSet& superseded,
                      uint64_t written) {
  MutexLock lock(mutex_);
  while (!held_.empty() && held_.front().state.expired()) held_.pop_front();
  if (held_.size() > kManyStates) {
    std::erase_if(held_, [](const Held& held) { return held.state.expired(); });
  }
  SV_REQUIRE(held_.empty() || held_.back().seq <= seq);
  held_.push_back({state, seq});
  if (candidate_.superseded == nullptr) {
    candidate_ = {seq, written, std::make_shared<const SeqSet>(superseded)};
  }
}

std::shared_ptr<const SeqSet> DropHorizon::Droppable(uint64_t flushed) {
  MutexLock lock(mutex_);
  if (candidate_.superseded != nullptr && candidate_.written <= flushed) {
    on_disk_ = std::exchange(candidate_, {});  // the next one to be added follows
  }
  for (const Held& held : held_) {
    if (!held.state.expired() && held.seq < on_disk_.seq) return nullptr;
  }
  return on_disk_.superseded;
}

}  // namespace streamview
