#include "ext/pure_vfs.h"

#include <cstring>

#include "ext/sqlite_api.h"

namespace streamview {

const char kPureVfs[] = "streamview-pure";

namespace {

thread_local const char* impure_request = nullptr;

int Open(sqlite3_vfs*, const char*, sqlite3_file* file, int, int*) {
  file->pMethods = nullptr;
  return SQLITE_CANTOPEN;
}

int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_IOERR_DELETE_NOENT; }

int Access(sqlite3_vfs*, const char*, int, int* exists) {
  *exists = 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs*, const char* name, int size, char* full) {
  sqlite3_snprintf(size, full, "%s", name);
  return SQLITE_OK;
}

int Randomness(sqlite3_vfs*, int size, char* bytes) {
  std::memset(bytes, 0, static_cast<size_t>(size));
  return size;
}

int Sleep(sqlite3_vfs*, int) { return 0; }

int CurrentTime(sqlite3_vfs*, double*) {
  NoteImpureRequest("the current time");
  return SQLITE_ERROR;
}

int CurrentTimeInt64(sqlite3_vfs*, sqlite3_int64*) {
  NoteImpureRequest("the current time");
  return SQLITE_ERROR;
}

int GetLastError(sqlite3_vfs*, int, char*) { return 0; }

sqlite3_vfs* NewVfs() {
  auto* vfs = new sqlite3_vfs();
  vfs->iVersion = 2;
  vfs->szOsFile = sizeof(sqlite3_file);
  vfs->mxPathname = 512;
  vfs->zName = kPureVfs;
  vfs->xOpen = Open;
  vfs->xDelete = Delete;
  vfs->xAccess = Access;
  vfs->xFullPathname = FullPathname;
  vfs->xRandomness = Randomness;
  vfs->xSleep = Sleep;
  vfs->xCurrentTime = CurrentTime;
  vfs->xGetLastError = GetLastError;
  vfs->xCurrentTimeInt64 = CurrentTimeInt64;
  return vfs;
}

}  // namespace

int RegisterPureVfs() {
  // Connections point at it until the process ends.
  static sqlite3_vfs* const vfs = NewVfs();
  // Again and again: sqlite3_shutdown() forgets it.
  return sqlite3_vfs_register(vfs, /*makeDflt=*/0);
}

const char* ImpureRequest() { return impure_request; }

void ForgetImpureRequest() { impure_request = nullptr; }

void NoteImpureRequest(const char* what) { impure_request = what; }

}  // namespace streamview
