#include "ext/progress.h"

#include <algorithm>
#include <cmath>

namespace streamview {

namespace {

constexpr size_t kBarWidth = 20;

// How many of `whole` parts are done, rounded down: all of them only when all is done.
size_t PartsOf(const Progress& progress, size_t whole) {
  return progress.target == 0 ? whole : progress.done * whole / progress.target;
}

std::string Percent(const Progress& progress) { return std::to_string(PartsOf(progress, 100)); }

}  // namespace

double Progress::part() const {
  return target == 0 ? 1 : static_cast<double>(done) / static_cast<double>(target);
}

Progress ProgressOf(const ViewStatus& status, Seq target) {
  Progress progress{std::min(status.progress, target), target, status.rate, std::nullopt};
  const Seq left = target - progress.done;
  const bool moves = status.rebuilding || status.state != ViewState::kFailed;
  if (left == 0) {
    progress.eta = 0;
  } else if (status.rate > 0 && moves) {
    progress.eta = static_cast<double>(left) / status.rate;
  }
  return progress;
}

std::string ToBar(const Progress& progress) {
  const size_t filled = PartsOf(progress, kBarWidth);
  const std::string percent = Percent(progress);
  return std::string(filled, '#') + std::string(kBarWidth - filled, '-') +
         std::string(4 - percent.size(), ' ') + percent + " %";
}

std::string ToDisplay(const Progress& progress) {
  std::string text = Percent(progress) + " %";
  if (progress.rate >= 1) {
    text += ", " + std::to_string(std::llround(progress.rate)) + " entries a second";
  }
  if (progress.eta && *progress.eta > 0) {
    text += ", " + std::to_string(std::llround(std::ceil(*progress.eta))) + " s left";
  }
  return text;
}

}  // namespace streamview
