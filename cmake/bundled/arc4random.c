// libstdc++.a takes its random numbers from glibc's arc4random() if it was built with glibc 2.36 or later.
// This one is used instead, so that the extension also loads where glibc is older.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

__attribute__((visibility("hidden"))) uint32_t arc4random(void) {
  uint32_t value;
  while (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
    if (errno != EINTR) abort();  // as glibc's does
  }
  return value;
}
