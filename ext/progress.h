// How far a view has come on its way to an entry of the log, in numbers and for people.

#pragma once

#include <optional>
#include <string>

#include "core/engine.h"

namespace streamview {

struct Progress {
  Seq done = 0;  // entries processed, at most `target`
  Seq target = 0;
  double rate = 0;            // entries a second, lately; 0: idle
  std::optional<double> eta;  // seconds to the target; absent: not known, or never

  double part() const;  // 0 to 1
};

// Of the index that answers, or of the one that is being built to take its place.
Progress ProgressOf(const ViewStatus& status, Seq target);

// 20 characters of '#' and '-', and the percentage rounded down: '#######-------------  35 %'.
std::string ToBar(const Progress& progress);

// "35 %, 12000 entries a second, 3 s left"; what is not known is left out.
std::string ToDisplay(const Progress& progress);

}  // namespace streamview
