// Findings: what an integrity check found wrong; the first few by name, the others counted.

#pragma once

#include <string>

#include "core/base/status.h"

namespace streamview {

class Findings {
 public:
  void Add(const std::string& finding) {
    if (++count_ <= kNamed) text_ += "\n  " + finding;
  }
  bool empty() const { return count_ == 0; }
  // OK, or kCorruption with "<what>: 12 differences:" and the first of them, a line each.
  Status ToStatus(const std::string& what) const {
    if (count_ == 0) return Status::Ok();
    std::string message = what + ": " + std::to_string(count_) +
                          (count_ == 1 ? " difference:" : " differences:") + text_;
    if (count_ > kNamed) message += "\n  ...";
    return Status::Corruption(std::move(message));
  }

 private:
  static constexpr size_t kNamed = 10;
  size_t count_ = 0;
  std::string text_;
};

}  // namespace streamview
