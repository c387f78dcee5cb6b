# streamview::rocksdb, streamview::simdjson and streamview::roaring: the installed libraries. Sets
# STREAMVIEW_MISSING to what is missing. Of RocksDB the shared library: Debian's static one is not
# position-independent.
find_package(simdjson QUIET)
find_package(roaring QUIET)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(ROCKSDB QUIET IMPORTED_TARGET rocksdb>=7.8)
endif()

set(STREAMVIEW_MISSING "")
foreach(pair rocksdb=PkgConfig::ROCKSDB simdjson=simdjson::simdjson roaring=roaring::roaring)
  string(REGEX MATCH "^(.*)=(.*)$" pair ${pair})
  set(name ${CMAKE_MATCH_1})
  if(TARGET ${CMAKE_MATCH_2})
    add_library(streamview::${name} INTERFACE IMPORTED)
    target_link_libraries(streamview::${name} INTERFACE ${CMAKE_MATCH_2})
  else()
    list(APPEND STREAMVIEW_MISSING "lib${name}-dev")
  endif()
endforeach()
