// No file of a log is ever on one of the descriptors 0, 1 and 2.
//
// A host may have closed them, as daemons do. The next file opened would get that number, and
// whatever the host, or a library of it, then writes to "standard error" would go into the log.
// SQLite guards its files in the same way.

#pragma once

#include <fcntl.h>

#include <string>

namespace streamview {

// Opens /dev/null on those of the three that are closed. They stay open, across exec as well.
void OccupyStandardDescriptors();

// Whether one of the three is the file `path`: another thread has closed it between
// OccupyStandardDescriptors and the opening of the file.
bool IsOnStandardDescriptor(const std::string& path);

// open(2) with O_CLOEXEC, and a descriptor above 2. Less than 0 where that fails; errno says why.
int OpenDescriptor(const std::string& path, int flags, mode_t mode = 0);

// Lets those write to a file or directory of ours who may write to the directory that it is in.
// Where it belongs to somebody else, it stays as it is.
void ShareWithWriters(const std::string& path);

}  // namespace streamview
