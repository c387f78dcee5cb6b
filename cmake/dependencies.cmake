# What streamview is linked with, as targets: streamview::rocksdb, streamview::simdjson,
# streamview::roaring, Boost::headers, SQLite::SQLite3, Threads::Threads.
set(STREAMVIEW_ROCKSDB system CACHE STRING
  "system: RocksDB, simdjson and CRoaring as installed; bundled: pinned releases, linked statically")
set_property(CACHE STREAMVIEW_ROCKSDB PROPERTY STRINGS system bundled)

find_package(Threads REQUIRED)
find_package(Boost REQUIRED)
find_package(SQLite3 3.38 REQUIRED)

if(STREAMVIEW_ROCKSDB STREQUAL "bundled")
  # Builds them if they are not there yet. They are the same ones for all compilers and sanitizers.
  set(script ${PROJECT_SOURCE_DIR}/scripts/bundled-libraries.sh)
  execute_process(COMMAND ${script} OUTPUT_VARIABLE libraries OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
  set(BUNDLED_ARCHIVES "")
  string(REPLACE "\n" ";" libraries "${libraries}")
  foreach(library ${libraries})
    string(REGEX MATCH "^([a-z0-9]+)=(.*)$" library "${library}")
    list(APPEND BUNDLED_ARCHIVES ${CMAKE_MATCH_2}/lib/lib${CMAKE_MATCH_1}.a)
    set(${CMAKE_MATCH_1}_include ${CMAKE_MATCH_2}/include)
  endforeach()
  set(BUNDLED_CMAKE ${PROJECT_SOURCE_DIR}/cmake/bundled)
  include(${BUNDLED_CMAKE}/libraries.cmake)
  streamview_libraries("${BUNDLED_ARCHIVES}")
  foreach(name rocksdb simdjson roaring)
    target_include_directories(streamview::${name} INTERFACE ${${name}_include})
  endforeach()
  target_compile_definitions(streamview::rocksdb INTERFACE ROCKSDB_NAMESPACE=streamview_rocksdb)
  target_compile_options(streamview::rocksdb INTERFACE -include ${BUNDLED_CMAKE}/rocksdb_namespace.h)
elseif(STREAMVIEW_ROCKSDB STREQUAL "system")
  include(${PROJECT_SOURCE_DIR}/cmake/system_libraries.cmake)
  if(STREAMVIEW_MISSING)
    message(FATAL_ERROR "missing, as Debian names them: ${STREAMVIEW_MISSING}")
  endif()
else()
  message(FATAL_ERROR "STREAMVIEW_ROCKSDB=${STREAMVIEW_ROCKSDB}; expected one of: system, bundled")
endif()
