#include "core/map/json_path.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace streamview {
namespace {

using Step = JsonPath::Step;

class PathParser {
 public:
  explicit PathParser(std::string_view text) : text_(text) {}

  Result<std::vector<Step>> Parse() {
    if (!Take('$')) return Expected("'$'");
    std::vector<Step> steps;
    while (at_ < text_.size()) {
      if (Take('.')) {
        SV_ASSIGN_OR_RETURN(Step step, ParseMember());
        steps.push_back(std::move(step));
      } else if (Take('[')) {
        SV_ASSIGN_OR_RETURN(Step step, ParseElement());
        steps.push_back(std::move(step));
      } else {
        return Expected("'.', '[' or the end");
      }
    }
    return steps;
  }

 private:
  // What follows the '.'.
  Result<Step> ParseMember() {
    if (Take('*')) return Step{Step::Kind::kEveryMember, {}};
    const bool quoted = Take('"');
    const size_t end =
        quoted ? text_.find('"', at_) : std::min(text_.find_first_of(".[", at_), text_.size());
    if (end == std::string_view::npos) {
      at_ = text_.size();
      return Expected("'\"' after the name");
    }
    if (!quoted && end == at_) return Expected("a name or '*'");
    Step step{Step::Kind::kMember, std::string(text_.substr(at_, end - at_))};
    at_ = end + (quoted ? 1 : 0);
    return step;
  }

  // What follows the '['.
  Result<Step> ParseElement() {
    Step step{Step::Kind::kElement, {}};
    if (Take('*')) {
      step.kind = Step::Kind::kEveryElement;
    } else {
      const bool from_end = Take('#');
      if (from_end) step.kind = Step::Kind::kElementFromEnd;
      if (from_end && !Take('-')) return Expected("'-'");
      const char* const first = text_.data() + at_;
      const auto [last, error] = std::from_chars(first, text_.data() + text_.size(), step.index);
      if (error == std::errc::result_out_of_range) return Expected("a smaller number");
      if (error != std::errc()) return Expected(from_end ? "a number" : "a number, '*' or '#-'");
      at_ += last - first;
    }
    if (!Take(']')) return Expected("']'");
    return step;
  }

  bool Take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Status Expected(std::string_view what) const {
    std::string message = "JSON path '";
    message.append(text_).append("', position ").append(std::to_string(at_ + 1));
    message.append(": expected ").append(what).append(", found ");
    if (at_ == text_.size()) {
      message.append("the end");
    } else {
      message.append("'").append(text_.substr(at_)).append("'");
    }
    return Status::InvalidArgument(std::move(message));
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<JsonPath> JsonPath::Parse(std::string_view text) {
  SV_ASSIGN_OR_RETURN(std::vector<Step> steps, PathParser(text).Parse());
  return JsonPath(std::move(steps));
}

bool JsonPath::has_wildcard() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const Step& step) {
    return step.kind == Step::Kind::kEveryElement || step.kind == Step::Kind::kEveryMember;
  });
}

}  // namespace streamview
