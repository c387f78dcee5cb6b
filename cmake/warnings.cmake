# Every target of the project is built with these; a warning is an error.
add_library(streamview_warnings INTERFACE)
target_compile_options(streamview_warnings INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Lock annotations (core/base/mutex.h) are checked by clang only.
  target_compile_options(streamview_warnings INTERFACE -Wthread-safety)
endif()
