// The entry point of streamview.so, and its one exported symbol.

#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "core/base/mutex.h"
#include "ext/connection.h"
#include "ext/docs_table.h"
#include "ext/errors_table.h"
#include "ext/functions.h"
#include "ext/history_table.h"
#include "ext/log_table.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/status_table.h"
#include "ext/tail_table.h"
#include "ext/transaction_table.h"
#include "ext/view_table.h"

SQLITE_EXTENSION_INIT1

namespace streamview {

namespace {

constexpr int kMinimumSqlite = 3'038'000;

// A function that the host's SQLite is built without (SQLITE_OMIT_...) is null. Of those that
// streamview calls, these may be, and sqlite3_progress_handler, which it can do without.
bool HasAllFunctions() {
  return sqlite3_create_module_v2 != nullptr && sqlite3_declare_vtab != nullptr &&
         sqlite3_set_authorizer != nullptr && sqlite3_compileoption_used != nullptr;
}

// The SQLite connections that this library is loaded into. To ask one of them by a statement would
// make loading fail while somebody else has the database locked.
//
// Thread-safe. The one instance of the process is never destroyed.
class LoadedConnections {
 public:
  static LoadedConnections& Instance() {
    static auto* const instance = new LoadedConnections;
    return *instance;
  }

  bool Contains(sqlite3* db) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return connections_.contains(db);
  }
  void Add(const Connection* connection) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    connections_[connection->db()] = connection;
  }
  // Does nothing where it was not added, or another one has taken its place.
  void Remove(const Connection* connection) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = connections_.find(connection->db());
    if (found != connections_.end() && found->second == connection) connections_.erase(found);
  }

 private:
  Mutex mutex_;
  std::map<sqlite3*, const Connection*> connections_ GUARDED_BY(mutex_);
};

// All that is registered shares one Connection, which goes with the last of it.
int RegisterAll(sqlite3* db) {
  const std::shared_ptr<Connection> connection(new Connection(db), [](const Connection* last) {
    LoadedConnections::Instance().Remove(last);
    delete last;
  });
  LoadedConnections::Instance().Add(connection.get());
  int rc = sqlite_vtab::Register<TransactionTable>(db, "sv_transaction", connection);
  if (rc == SQLITE_OK) rc = sqlite_vtab::Register<LogTable>(db, "sv_log", connection);
  if (rc == SQLITE_OK) rc = sqlite_vtab::Register<ViewTable>(db, "sv_view", connection);
  if (rc == SQLITE_OK) rc = sqlite_vtab::Register<DocsTable>(db, "sv_docs", connection);
  if (rc == SQLITE_OK) rc = RegisterHistoryTable(db, connection);
  if (rc == SQLITE_OK) rc = RegisterTailTable(db, connection);
  if (rc == SQLITE_OK) rc = RegisterStatusTable(db, connection);
  if (rc == SQLITE_OK) rc = RegisterErrorsTable(db, connection);
  if (rc == SQLITE_OK) rc = RegisterFunctions(db, connection);
  // What was registered of a part keeps the connection, but is not all.
  if (rc != SQLITE_OK) LoadedConnections::Instance().Remove(connection.get());
  return rc;
}

// SQLite's functions are reached through one table, and a process may have several SQLite
// libraries: what is made by one must not be given to another.
int RefuseOtherLibrary(const sqlite3_api_routines* other, char** message) {
  *message = other->mprintf(
      "streamview is already in use by another SQLite library (version %s) in this process; it "
      "cannot serve two of them, and this is version %s",
      sqlite3_libversion(), other->libversion());
  return SQLITE_ERROR;
}

int Load(sqlite3* db, char** message) {
  if (sqlite3_libversion_number() < kMinimumSqlite) {
    *message =
        sqlite3_mprintf("streamview needs SQLite 3.38 or newer; this is %s", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  if (!HasAllFunctions()) {
    *message = sqlite3_mprintf(
        "streamview needs an SQLite with virtual tables, authorizers and compile-time diagnostics");
    return SQLITE_ERROR;
  }
  // What is registered must not be replaced.
  if (!LoadedConnections::Instance().Contains(db)) {
    if (const int rc = RegisterAll(db); rc != SQLITE_OK) {
      *message = sqlite3_mprintf("cannot register streamview: %s", sqlite3_errmsg(db));
      return rc;
    }
  }
  // Threads of the engine may outlive the connection that loaded the library.
  return SQLITE_OK_LOAD_PERMANENTLY;
}

}  // namespace

}  // namespace streamview

extern "C" __attribute__((visibility("default"))) int sqlite3_streamview_init(
    sqlite3* db, char** message, const sqlite3_api_routines* api) {
  // Once: the engine's threads read the pointer.
  static std::once_flag initialized;
  std::call_once(initialized, [api] { SQLITE_EXTENSION_INIT2(api); });
  if (api->libversion_number != sqlite3_api->libversion_number) {
    return streamview::RefuseOtherLibrary(api, message);
  }
  try {
    return streamview::Load(db, message);
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (const std::exception& e) {
    *message = sqlite3_mprintf("%s", e.what());
  } catch (...) {
    *message = sqlite3_mprintf("unexpected C++ exception");
  }
  return SQLITE_ERROR;
}
