// CLocale: the C locale for the calling thread, as long as it lives.
//
// A host may have called setlocale(), by which strtod() and printf() read and write numbers with a
// decimal comma, say. Some versions of SQLite (3.40 is one) read the numbers of JSON by strtod().
// What is stored must not depend on that.

#pragma once

#include <locale.h>

namespace streamview {

class CLocale {
 public:
  CLocale() : previous_(uselocale(Get())) {}
  ~CLocale() { uselocale(previous_); }
  CLocale(const CLocale&) = delete;
  CLocale& operator=(const CLocale&) = delete;

 private:
  // Never freed: a thread may be mapping as the process ends.
  static locale_t Get() {
    static const locale_t locale = newlocale(LC_ALL_MASK, "C", locale_t());
    return locale;
  }

  const locale_t previous_;
};

}  // namespace streamview
