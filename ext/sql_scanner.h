// SqlScanner: goes through a piece of SQL as SQLite's tokenizer does, as far as our own parsers
// need it: blanks, comments, quoted texts.
//
// The text must outlive the scanner.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace streamview {

class SqlScanner {
 public:
  explicit SqlScanner(std::string_view text) : text_(text) {}

  // Character classes as SQLite has them: ASCII, whatever the locale.
  static bool IsSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
  }
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  static bool IsLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }
  // Of a bare name.
  static bool IsNameCharacter(char c) {
    return IsLetter(c) || IsDigit(c) || c == '$' || static_cast<unsigned char>(c) >= 0x80;
  }
  static bool IsQuote(char c) { return c == '\'' || c == '"' || c == '`' || c == '['; }

  static std::string Trim(std::string_view text) {
    while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
    while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
    return std::string(text);
  }

  std::string_view text() const { return text_; }
  size_t pos() const { return pos_; }
  std::string_view rest() const { return text_.substr(pos_); }

  bool AtEnd() const { return pos_ >= text_.size(); }
  char Peek(size_t ahead = 0) const {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  bool AtComment() const {
    return (Peek() == '-' && Peek(1) == '-') || (Peek() == '/' && Peek(1) == '*');
  }
  void Skip() { ++pos_; }

  template <typename Predicate>
  std::string_view TakeWhile(Predicate predicate) {
    const size_t begin = pos_;
    while (!AtEnd() && predicate(text_[pos_])) ++pos_;
    return text_.substr(begin, pos_ - begin);
  }

  // REQUIRES: AtComment(). As in SQLite, a comment may be ended by the end of the text.
  void SkipComment() {
    const bool line = Peek() == '-';
    const std::string_view terminator = line ? "\n" : "*/";
    const size_t end = text_.find(terminator, pos_ + 2);
    pos_ = end == std::string_view::npos ? text_.size() : end + terminator.size();
  }

  void SkipBlanks() {
    while (!AtEnd()) {
      if (IsSpace(Peek())) {
        ++pos_;
      } else if (AtComment()) {
        SkipComment();
      } else {
        return;
      }
    }
  }

  // What stands between quotes; a closing quote is doubled to stand for itself, except in
  // [brackets]. Nothing where the closing one is missing. REQUIRES: IsQuote(Peek())
  std::optional<std::string> TakeQuoted() {
    const char open = Peek();
    const char close = open == '[' ? ']' : open;
    std::string value;
    for (++pos_; !AtEnd(); ++pos_) {
      if (Peek() == close) {
        ++pos_;
        if (open == '[' || Peek() != close) return value;
      }
      value.push_back(Peek());
    }
    return std::nullopt;
  }

 private:
  std::string_view text_;
  size_t pos_ = 0;
};

}  // namespace streamview
