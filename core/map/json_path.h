// JsonPath: a path into a JSON document, with SQLite's syntax
// (https://sqlite.org/json1.html#path_arguments) and two wildcards.
//
//   $                    the document itself
//   .name  ."any name"   the member of an object (the first of that name); name ends at '.' or '['
//   [N]  [#-N]           the element of an array, from 0, or from the end (the last is [#-1])
//   [*]                  every element of an array
//   .*                   the value of every member of an object
//
// What does not fit the document (a member of an array, an element past the end) matches nothing.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace streamview {

class JsonPath {
 public:
  struct Step {
    enum class Kind { kMember, kElement, kElementFromEnd, kEveryElement, kEveryMember };
    Kind kind;
    std::string name;    // kMember
    uint64_t index = 0;  // kElement, kElementFromEnd
  };

  // Errors: kInvalidArgument, with the position (in bytes, the first is 1) and what was expected.
  static Result<JsonPath> Parse(std::string_view text);

  // From the document downwards; empty for `$`.
  const std::vector<Step>& steps() const { return steps_; }
  bool has_wildcard() const;

 private:
  explicit JsonPath(std::vector<Step> steps) : steps_(std::move(steps)) {}

  std::vector<Step> steps_;
};

}  // namespace streamview
