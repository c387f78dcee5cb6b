# Every target of the project is built with these; a warning is an error.
add_library(streamview_warnings INTERFACE)
target_compile_options(streamview_warnings INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Lock annotations (core/base/mutex.h) are checked by clang only.
  target_compile_options(streamview_warnings INTERFACE -Wthread-safety)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string and std::variant at -O2 and beyond (GCC bugs 105651, 105329, 105562).
  target_compile_options(streamview_warnings INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds -Wno-maybe-uninitialized)
endif()
