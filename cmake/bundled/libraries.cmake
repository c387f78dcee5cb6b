# streamview_libraries(<archives>): streamview::rocksdb, streamview::simdjson and streamview::roaring, of
# these static libraries: librocksdb.a and what it needs, libsimdjson.a and libroaring.a.
function(streamview_libraries archives)
  foreach(archive ${archives})
    get_filename_component(name ${archive} NAME_WE)
    set(${name} ${archive})
  endforeach()
  foreach(name rocksdb simdjson roaring)
    add_library(streamview::${name} INTERFACE IMPORTED)
    target_link_libraries(streamview::${name} INTERFACE ${lib${name}})
  endforeach()
  target_link_libraries(streamview::rocksdb INTERFACE ${liblz4} ${libzstd} Threads::Threads ${CMAKE_DL_LIBS})
endfunction()
