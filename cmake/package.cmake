# Debian packages, by `cpack -G DEB` in the build directory (scripts/package.sh):
#
#   libsqlite3-mod-streamview   the extension; named as Debian names those of SQLite
#   streamview-hold             the program of that name, which keeps logs open
#   libstreamview-dev           the C++ core, for find_package(streamview)
set(STREAMVIEW_MAINTAINER "streamview authors <streamview@packages.invalid>" CACHE STRING
  "Maintainer of the Debian packages")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME streamview)
set(CPACK_PACKAGE_CONTACT ${STREAMVIEW_MAINTAINER})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL extension hold development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(EXTENSION_PACKAGE libsqlite3-mod-streamview)
set(CPACK_DEBIAN_EXTENSION_PACKAGE_NAME ${EXTENSION_PACKAGE})
set(CPACK_DEBIAN_EXTENSION_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_EXTENSION_PACKAGE_SHLIBDEPS ON)
# The extension is not linked with SQLite: it uses that of the program that loads it.
set(CPACK_DEBIAN_EXTENSION_PACKAGE_RECOMMENDS "libsqlite3-0 (>= 3.38)")
set(CPACK_DEBIAN_EXTENSION_PACKAGE_SUGGESTS sqlite3)
set(CPACK_DEBIAN_EXTENSION_PACKAGE_ENHANCES libsqlite3-0)
# The project's DESCRIPTION stands before these.
set(CPACK_COMPONENT_EXTENSION_DESCRIPTION
"A loadable extension of SQLite. It gives any SQLite client an append-only log
of documents, kept in RocksDB beside the database, and views on it: indexes
that follow the log by themselves, so that writes do not pay for them, and
that can be added, changed and rebuilt at any time without a migration.
.
In the sqlite3 shell, '.load streamview' loads it.")

set(CPACK_DEBIAN_HOLD_PACKAGE_NAME streamview-hold)
set(CPACK_DEBIAN_HOLD_PACKAGE_SECTION database)
set(CPACK_DEBIAN_HOLD_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_HOLD_PACKAGE_DEPENDS "${EXTENSION_PACKAGE} (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_HOLD_DESCRIPTION
"A program that keeps the logs of SQLite databases open, for processes that
come and go (cron jobs, requests, shell commands): they use the logs by way of
it, and neither open nor close them. It is never needed for anything else.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libstreamview-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# The bundled libraries are in the package.
if(STREAMVIEW_ROCKSDB STREQUAL "system")
  set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "librocksdb-dev, libroaring-dev, libsimdjson-dev, pkg-config")
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"The engine of the SQLite extension streamview, without SQLite: a static
library, its headers, and the files that CMake's find_package(streamview)
needs. Views are made by functions in C++, of documents in any format.")

# What Debian wants in each package: its copyright, and a changelog, compressed.
configure_file(cmake/debian/changelog.in debian/changelog @ONLY)
file(READ cmake/debian/copyright copyright)
if(STREAMVIEW_ROCKSDB STREQUAL "bundled")
  file(READ cmake/debian/copyright.bundled bundled)
  string(APPEND copyright "${bundled}")
endif()
file(WRITE ${PROJECT_BINARY_DIR}/debian/copyright "${copyright}")
find_program(GZIP gzip REQUIRED)
execute_process(COMMAND ${GZIP} --force --keep --best --no-name ${PROJECT_BINARY_DIR}/debian/changelog
  COMMAND_ERROR_IS_FATAL ANY)
foreach(component extension hold development)
  string(TOUPPER ${component} COMPONENT)
  set(directory ${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME})
  install(FILES ${PROJECT_BINARY_DIR}/debian/copyright ${PROJECT_BINARY_DIR}/debian/changelog.gz
    DESTINATION ${directory} COMPONENT ${component})
endforeach()

include(CPack)
