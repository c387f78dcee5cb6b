# Where `cmake --install` puts things, below the prefix.
#
# On Debian libraries are in a directory of the architecture, which GNUInstallDirs takes for the prefix
# /usr only. Packages have that prefix, but are made from build directories that need not.
if(EXISTS /etc/debian_version AND CMAKE_LIBRARY_ARCHITECTURE)
  set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE} CACHE PATH "Object code libraries")
endif()
include(GNUInstallDirs)
