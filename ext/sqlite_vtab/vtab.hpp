// sqlite_vtab: a C++ class as a SQLite virtual table. Header only; needs SQLite >= 3.38 and C++20.
//
// HOW TO USE
//
// Write a class for the table, one for its cursor and one for what xBestIndex tells xFilter:
//
//   class Numbers : public sqlite_vtab::Table {
//    public:
//     using Aux = void;                      // what all tables of the module share; see Register()
//     struct Plan {                          // how a query reads the table
//       bool descending = false;
//       sqlite_vtab::EncodedPlan Encode() const { return {descending, ""}; }
//       static std::optional<Plan> Decode(int number, std::string_view text);
//     };
//     class Cursor : public sqlite_vtab::Cursor {
//      public:
//       Status Filter(const Plan& plan, Values arguments);
//       Status Next();
//       bool Eof() const noexcept;
//       Status Column(sqlite3_context* context, int column);
//       sqlite3_int64 Rowid();               // may be absent where the table is WITHOUT ROWID;
//                                            // or Status Rowid(sqlite3_int64*)
//     };
//
//     static Status Connect(const ConnectArgs<Aux>& args, std::unique_ptr<Numbers>& table);
//     Status BestIndex(IndexInfo& info, Plan& plan);
//     Status Open(std::unique_ptr<Cursor>& cursor);
//   };
//
//   sqlite_vtab::Register<Numbers>(db, "numbers", nullptr);
//
// Status is sqlite_vtab::Status, or any type that StatusTraits is specialized for.
//
// What else the class has decides what the table can do. Each group is complete or absent (a static
// assertion says which function is missing):
//
//   CREATE VIRTUAL TABLE  static Status Create(args, table); Status Destroy();
//                         Without them the table is eponymous: it is there under the module's name.
//   writes                Status Insert(sqlite3_value* rowid, Values columns, sqlite3_int64* id);
//                         Status Update(sqlite3_value* old, sqlite3_value* new, Values columns);
//                         Status Delete(sqlite3_value* key);
//                         A key is the rowid, or the primary key of a WITHOUT ROWID table.
//   transactions          Status Begin(); Status Sync(); void Commit(); Status Rollback();
//                         Sync may fail and so stop the commit; Commit may not.
//   savepoints            Status Savepoint(int n); Status Release(int n); Status RollbackTo(int n);
//   ALTER TABLE RENAME    Status Rename(const char* new_name);
//   function overloading  int FindFunction(int argc, const char* name, SqlFunction**, void** arg);
//   shadow tables         static bool IsShadowName(std::string_view suffix);
//   integrity checks      Status CheckIntegrity(bool quick, std::string* finding);
//                         For PRAGMA integrity_check and quick_check, of SQLite 3.44 or later. What
//                         is wrong with the table is said in *finding; an error ends the PRAGMA.
//
// HOW IT WORKS
//
// Register<T> hands SQLite `kModule<T>`, a constant whose function pointers are static functions of
// detail::Glue<T>. Each of them runs the class's function inside Guard(), where a Status becomes a
// result code and a message, std::bad_alloc becomes SQLITE_NOMEM, and any other exception
// SQLITE_ERROR: no exception ever crosses SQLite's C frames. Table and Cursor derive from SQLite's
// own structures: what SQLite passes around are pointers to these bases.

#pragma once

#include <sqlite3ext.h>

#include <concepts>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "newer_sqlite.hpp"
SQLITE_EXTENSION_INIT3

namespace sqlite_vtab {

// How to read a type that says whether a function has succeeded. A specialization has
//
//   static int Code(const S&);             // a SQLite result code, SQLITE_OK included
//   static const char* Message(const S&);  // what the user sees, "" for SQLite's own text; valid
//                                          // as long as the S. Not called on success.
template <typename S>
struct StatusTraits;

template <typename S>
concept StatusLike = requires(const S& status) {
  { StatusTraits<S>::Code(status) } -> std::same_as<int>;
  { StatusTraits<S>::Message(status) } -> std::same_as<const char*>;
};

// The Status of who has no other: a SQLite result code and, for errors, the message that the user
// sees. Any other can be returned as one.
struct [[nodiscard]] Status {
  Status() = default;
  Status(int result, std::string text) : code(result), message(std::move(text)) {}
  template <typename S>
  requires(!std::same_as<S, Status> && StatusLike<S>) Status(const S& other)
      : code(StatusTraits<S>::Code(other)) {
    if (code != SQLITE_OK) message = StatusTraits<S>::Message(other);
  }

  bool ok() const { return code == SQLITE_OK; }

  int code = SQLITE_OK;
  std::string message;
};

template <>
struct StatusTraits<Status> {
  static int Code(const Status& status) { return status.code; }
  static const char* Message(const Status& status) { return status.message.c_str(); }
};

using Values = std::span<sqlite3_value* const>;
using SqlFunction = void (*)(sqlite3_context*, int, sqlite3_value**);

// Base of table classes. SQLite owns the object once Create or Connect has returned it.
class Table : public sqlite3_vtab {
 public:
  Table() : sqlite3_vtab{} {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

 protected:
  ~Table() { sqlite3_free(zErrMsg); }
};

// Base of cursor classes. SQLite owns the object once Open has returned it.
class Cursor : public sqlite3_vtab_cursor {
 public:
  Cursor() : sqlite3_vtab_cursor{} {}
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

 protected:
  ~Cursor() = default;
};

// What CREATE VIRTUAL TABLE says. The texts live until Create or Connect returns.
template <typename Aux>
struct ConnectArgs {
  sqlite3* db;
  Aux* aux;  // what was given to Register(); outlives the table
  std::string_view module;
  std::string_view schema;  // "main", "temp", or the name of an attached database
  std::string_view table;
  std::span<const char* const> options;  // the text between the parentheses, split at the commas
};

// A plan as SQLite keeps it. EXPLAIN QUERY PLAN shows both as "INDEX number:text".
struct EncodedPlan {
  int number = 0;
  std::string text;
};

// The Plan of a table that is read in one way only. The text is for EXPLAIN QUERY PLAN.
struct OnlyPlan {
  std::string_view text = "scan";

  EncodedPlan Encode() const { return {0, std::string(text)}; }
  static std::optional<OnlyPlan> Decode(int, std::string_view) { return OnlyPlan(); }
};

// One term of the WHERE clause.
class Constraint {
 public:
  Constraint(sqlite3_index_info* info, int index) : info_(info), index_(index) {}

  int index() const { return index_; }
  // SQLITE_INDEX_CONSTRAINT_*. Look at it first: LIMIT and OFFSET have no column.
  int op() const { return term().op; }
  int column() const { return term().iColumn; }  // -1: the rowid
  // False: the value is not known in this plan, so the term may not be used.
  bool usable() const { return term().usable; }
  bool is_equality() const {
    return op() == SQLITE_INDEX_CONSTRAINT_EQ || op() == SQLITE_INDEX_CONSTRAINT_IS ||
           op() == SQLITE_INDEX_CONSTRAINT_ISNULL;
  }
  // REQUIRES: called within BestIndex.
  bool has_binary_collation() const {
    const char* name = sqlite3_vtab_collation(info_, index_);
    return name == nullptr || sqlite3_stricmp(name, "BINARY") == 0;
  }

 private:
  const sqlite3_index_info::sqlite3_index_constraint& term() const {
    return info_->aConstraint[index_];
  }

  sqlite3_index_info* info_;
  int index_;
};

struct OrderTerm {
  int column;  // -1: the rowid
  bool descending;
};

enum class Omit : bool {
  kNo = false,  // SQLite checks the term again on each row
  kYes = true,  // the table guarantees it
};

// The question SQLite asks of BestIndex, and where the answer goes (all but the plan itself).
class IndexInfo {
 public:
  explicit IndexInfo(sqlite3_index_info* info) : info_(info) {}

  std::vector<Constraint> constraints() const {
    std::vector<Constraint> result;
    result.reserve(static_cast<size_t>(info_->nConstraint));
    for (int i = 0; i < info_->nConstraint; i++) result.emplace_back(info_, i);
    return result;
  }
  std::vector<OrderTerm> order_by() const {
    std::vector<OrderTerm> result;
    result.reserve(static_cast<size_t>(info_->nOrderBy));
    for (int i = 0; i < info_->nOrderBy; i++) {
      result.push_back({info_->aOrderBy[i].iColumn, info_->aOrderBy[i].desc != 0});
    }
    return result;
  }
  // Whether the statement may ask for column `number` of the rows.
  bool MayRead(int number) const {
    constexpr int kLast = 63;  // stands for all that follow, too
    return (info_->colUsed >> (number < kLast ? number : kLast) & 1) != 0;
  }
  // The same, of any column. (A statement may ask for the rowid all the same.)
  bool MayReadAny() const { return info_->colUsed != 0; }
  // Asks for the right-hand side of `constraint` in Filter, where it is argument number `result`
  // (from 0, in order of the calls). REQUIRES: constraint.usable()
  int Use(const Constraint& constraint, Omit omit) {
    auto& usage = info_->aConstraintUsage[constraint.index()];
    usage.argvIndex = ++arguments_;
    usage.omit = omit == Omit::kYes;
    return arguments_ - 1;
  }
  // The table promises to give its rows in the order of order_by().
  void ConsumeOrderBy() { info_->orderByConsumed = 1; }
  void SetEstimates(double cost, sqlite3_int64 rows) {
    info_->estimatedCost = cost;
    info_->estimatedRows = rows;
  }
  // The plan gives one row at most.
  void SetUnique() { info_->idxFlags |= SQLITE_INDEX_SCAN_UNIQUE; }

  sqlite3_index_info* raw() { return info_; }

 private:
  sqlite3_index_info* info_;
  int arguments_ = 0;
};

namespace detail {

inline void SetMessage(char** target, const char* message) noexcept {
  sqlite3_free(*target);
  *target = message[0] == '\0' ? nullptr : sqlite3_mprintf("%s", message);
}

template <StatusLike S>
bool IsOk(const S& status) {
  return StatusTraits<S>::Code(status) == SQLITE_OK;
}

// Runs `body`, which returns a Status of any type, and turns whatever becomes of it into a result
// code and a message in `*message`, memory of sqlite3_malloc().
template <typename Body>
int Guard(char** message, Body&& body) noexcept {
  try {
    const auto status = body();
    using Traits = StatusTraits<std::remove_const_t<decltype(status)>>;
    const int code = Traits::Code(status);
    if (code != SQLITE_OK) SetMessage(message, Traits::Message(status));
    return code;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (const std::exception& e) {
    SetMessage(message, e.what());
  } catch (...) {
    SetMessage(message, "unexpected C++ exception");
  }
  return SQLITE_ERROR;
}

template <typename Body>
int Guard(sqlite3_vtab* table, Body&& body) noexcept {
  return Guard(&table->zErrMsg, std::forward<Body>(body));
}

// --- capabilities. `k...` is true where the class has any function of the group; Glue insists that
// it then has all of them.

template <typename T, typename Aux = typename T::Aux>
concept HasCreate = requires(const ConnectArgs<Aux>& args, std::unique_ptr<T>& table) {
  { T::Create(args, table) } -> StatusLike;
};
template <typename T>
concept HasDestroy = requires(T& t) {
  { t.Destroy() } -> StatusLike;
};
template <typename T>
concept HasInsert = requires(T& t, sqlite3_value* key, Values values, sqlite3_int64* rowid) {
  { t.Insert(key, values, rowid) } -> StatusLike;
};
template <typename T>
concept HasUpdate = requires(T& t, sqlite3_value* key, Values values) {
  { t.Update(key, key, values) } -> StatusLike;
};
template <typename T>
concept HasDelete = requires(T& t, sqlite3_value* key) {
  { t.Delete(key) } -> StatusLike;
};
template <typename T>
concept HasBegin = requires(T& t) {
  { t.Begin() } -> StatusLike;
};
template <typename T>
concept HasSync = requires(T& t) {
  { t.Sync() } -> StatusLike;
};
template <typename T>
concept HasCommit = requires(T& t) {
  { t.Commit() } -> std::same_as<void>;
};
template <typename T>
concept HasRollback = requires(T& t) {
  { t.Rollback() } -> StatusLike;
};
template <typename T>
concept HasSavepoint = requires(T& t) {
  { t.Savepoint(0) } -> StatusLike;
};
template <typename T>
concept HasRelease = requires(T& t) {
  { t.Release(0) } -> StatusLike;
};
template <typename T>
concept HasRollbackTo = requires(T& t) {
  { t.RollbackTo(0) } -> StatusLike;
};
template <typename T>
concept HasRename = requires(T& t, const char* name) {
  { t.Rename(name) } -> StatusLike;
};
template <typename T>
concept HasFindFunction = requires(T& t, const char* name, SqlFunction* function, void** argument) {
  { t.FindFunction(1, name, function, argument) } -> std::same_as<int>;
};
template <typename T>
concept HasIsShadowName = requires(std::string_view suffix) {
  { T::IsShadowName(suffix) } -> std::same_as<bool>;
};
template <typename T>
concept HasCheckIntegrity = requires(T& t, std::string* finding) {
  { t.CheckIntegrity(true, finding) } -> StatusLike;
};
template <typename C>
concept HasRowid = requires(C& c) {
  { c.Rowid() } -> std::same_as<sqlite3_int64>;
};
template <typename C>
concept HasFallibleRowid = requires(C& c, sqlite3_int64* rowid) {
  { c.Rowid(rowid) } -> StatusLike;
};

template <typename T>
constexpr bool kCreatable = HasCreate<T> || HasDestroy<T>;
template <typename T>
constexpr bool kWritable = HasInsert<T> || HasUpdate<T> || HasDelete<T>;
template <typename T>
constexpr bool kTransactional = HasBegin<T> || HasSync<T> || HasCommit<T> || HasRollback<T>;
template <typename T>
constexpr bool kSavepoints = HasSavepoint<T> || HasRelease<T> || HasRollbackTo<T>;

}  // namespace detail

template <typename P>
concept Plan = std::default_initializable<P> && requires(const P& plan, std::string_view text) {
  { plan.Encode() } -> std::same_as<EncodedPlan>;
  { P::Decode(0, text) } -> std::same_as<std::optional<P>>;
};

template <typename C, typename P>
concept VirtualTableCursor = std::derived_from<C, Cursor> &&
    requires(C& c, const P& plan, Values arguments, sqlite3_context* context) {
  { c.Filter(plan, arguments) } -> StatusLike;
  { c.Next() } -> StatusLike;
  { c.Eof() }
  noexcept->std::same_as<bool>;
  { c.Column(context, 0) } -> StatusLike;
};

template <typename T>
concept VirtualTable = std::derived_from<T, Table> && Plan<typename T::Plan> &&
    VirtualTableCursor<typename T::Cursor, typename T::Plan> &&
    requires(T& t, const ConnectArgs<typename T::Aux>& args, std::unique_ptr<T>& table,
             std::unique_ptr<typename T::Cursor>& cursor, IndexInfo& info, typename T::Plan& plan) {
  { T::Connect(args, table) } -> StatusLike;
  { t.BestIndex(info, plan) } -> StatusLike;
  { t.Open(cursor) } -> StatusLike;
};

namespace detail {

// The functions of SQLite's module, in terms of T's.
template <VirtualTable T>
struct Glue {
  using C = typename T::Cursor;
  using P = typename T::Plan;
  using Args = ConnectArgs<typename T::Aux>;

  static_assert(!kCreatable<T> || (HasCreate<T> && HasDestroy<T>),
                "a table that can be created has both Create and Destroy");
  static_assert(!kWritable<T> || (HasInsert<T> && HasUpdate<T> && HasDelete<T>),
                "a writable table has Insert, Update and Delete");
  static_assert(!kTransactional<T> || (HasBegin<T> && HasSync<T> && HasCommit<T> && HasRollback<T>),
                "a transactional table has Begin, Sync, Commit and Rollback");
  static_assert(!kSavepoints<T> || (HasSavepoint<T> && HasRelease<T> && HasRollbackTo<T>),
                "a table with savepoints has Savepoint, Release and RollbackTo");
  static_assert(!kSavepoints<T> || kTransactional<T>,
                "a table with savepoints has Begin, Sync, Commit and Rollback too");

  static T& Self(sqlite3_vtab* table) { return *static_cast<T*>(table); }
  static C& Self(sqlite3_vtab_cursor* cursor) { return *static_cast<C*>(cursor); }

  static Args MakeArgs(sqlite3* db, void* aux, int argc, const char* const* argv) {
    // Registered by Register(): see there for what `aux` is.
    typename T::Aux* shared = nullptr;
    if (aux != nullptr) shared = static_cast<std::shared_ptr<typename T::Aux>*>(aux)->get();
    return {db,      shared,  argv[0],
            argv[1], argv[2], std::span(argv, static_cast<size_t>(argc)).subspan(3)};
  }

  static int Create(sqlite3* db, void* aux, int argc, const char* const* argv, sqlite3_vtab** out,
                    char** message) {
    return Guard(message, [&] {
      std::unique_ptr<T> table;
      auto status = T::Create(MakeArgs(db, aux, argc, argv), table);
      if (IsOk(status)) *out = table.release();
      return status;
    });
  }
  static int Connect(sqlite3* db, void* aux, int argc, const char* const* argv, sqlite3_vtab** out,
                     char** message) {
    return Guard(message, [&] {
      std::unique_ptr<T> table;
      auto status = T::Connect(MakeArgs(db, aux, argc, argv), table);
      if (IsOk(status)) *out = table.release();
      return status;
    });
  }
  static int Disconnect(sqlite3_vtab* table) {
    delete &Self(table);
    return SQLITE_OK;
  }
  static int Destroy(sqlite3_vtab* table) {
    const int rc = Guard(table, [&] { return Self(table).Destroy(); });
    if (rc == SQLITE_OK) delete &Self(table);
    return rc;
  }

  static int BestIndex(sqlite3_vtab* table, sqlite3_index_info* raw) {
    return Guard(table, [&]() -> Status {
      IndexInfo info(raw);
      P plan;
      auto status = Self(table).BestIndex(info, plan);
      if (!IsOk(status)) return status;
      const EncodedPlan encoded = plan.Encode();
      raw->idxNum = encoded.number;
      if (encoded.text.empty()) return {};
      raw->idxStr = sqlite3_mprintf("%s", encoded.text.c_str());
      if (raw->idxStr == nullptr) return {SQLITE_NOMEM, ""};
      raw->needToFreeIdxStr = 1;
      return {};
    });
  }
  static int Open(sqlite3_vtab* table, sqlite3_vtab_cursor** out) {
    return Guard(table, [&] {
      std::unique_ptr<C> cursor;
      auto status = Self(table).Open(cursor);
      if (IsOk(status)) *out = cursor.release();
      return status;
    });
  }
  static int Close(sqlite3_vtab_cursor* cursor) {
    delete &Self(cursor);
    return SQLITE_OK;
  }
  static int Filter(sqlite3_vtab_cursor* cursor, int number, const char* text, int argc,
                    sqlite3_value** argv) {
    return Guard(cursor->pVtab, [&]() -> Status {
      const std::optional<P> plan = P::Decode(number, text == nullptr ? "" : text);
      if (!plan) return {SQLITE_INTERNAL, "a query plan that this table did not make"};
      return Self(cursor).Filter(*plan, Values(argv, static_cast<size_t>(argc)));
    });
  }
  static int Next(sqlite3_vtab_cursor* cursor) {
    return Guard(cursor->pVtab, [&] { return Self(cursor).Next(); });
  }
  static int Eof(sqlite3_vtab_cursor* cursor) { return Self(cursor).Eof(); }
  static int Column(sqlite3_vtab_cursor* cursor, sqlite3_context* context, int column) {
    char* message = nullptr;
    const int rc = Guard(&message, [&] { return Self(cursor).Column(context, column); });
    if (message != nullptr) sqlite3_result_error(context, message, -1);
    if (rc != SQLITE_OK) sqlite3_result_error_code(context, rc);  // keeps the message, if any
    sqlite3_free(message);
    return rc;
  }
  static int Rowid(sqlite3_vtab_cursor* cursor, sqlite3_int64* rowid) {
    return Guard(cursor->pVtab, [&]() -> Status {
      if constexpr (HasRowid<C>) {
        *rowid = Self(cursor).Rowid();
        return {};
      } else if constexpr (HasFallibleRowid<C>) {
        return Self(cursor).Rowid(rowid);
      } else {
        return {SQLITE_MISUSE, "the table has no rowid"};
      }
    });
  }

  // argv of an INSERT: NULL, rowid, columns...; of an UPDATE: old key, new key, columns...; of a
  // DELETE: old key.
  static int Update(sqlite3_vtab* table, int argc, sqlite3_value** argv, sqlite3_int64* rowid) {
    return Guard(table, [&]() -> Status {
      if (argc == 1) return Self(table).Delete(argv[0]);
      const Values columns = Values(argv, static_cast<size_t>(argc)).subspan(2);
      if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return Self(table).Insert(argv[1], columns, rowid);
      }
      return Self(table).Update(argv[0], argv[1], columns);
    });
  }

  static int Begin(sqlite3_vtab* table) {
    return Guard(table, [&] { return Self(table).Begin(); });
  }
  static int Sync(sqlite3_vtab* table) {
    return Guard(table, [&] { return Self(table).Sync(); });
  }
  static int Commit(sqlite3_vtab* table) {
    return Guard(table, [&] {
      Self(table).Commit();
      return Status();
    });
  }
  static int Rollback(sqlite3_vtab* table) {
    return Guard(table, [&] { return Self(table).Rollback(); });
  }
  static int Savepoint(sqlite3_vtab* table, int n) {
    return Guard(table, [&] { return Self(table).Savepoint(n); });
  }
  static int Release(sqlite3_vtab* table, int n) {
    return Guard(table, [&] { return Self(table).Release(n); });
  }
  static int RollbackTo(sqlite3_vtab* table, int n) {
    return Guard(table, [&] { return Self(table).RollbackTo(n); });
  }

  static int Rename(sqlite3_vtab* table, const char* new_name) {
    return Guard(table, [&] { return Self(table).Rename(new_name); });
  }
  static int FindFunction(sqlite3_vtab* table, int argc, const char* name, SqlFunction* function,
                          void** argument) {
    int found = 0;
    const int rc = Guard(table, [&]() -> Status {
      found = Self(table).FindFunction(argc, name, function, argument);
      return {};
    });
    return rc == SQLITE_OK ? found : 0;
  }
  static int IsShadowName(const char* suffix) {
    char* message = nullptr;
    int is_shadow = 0;
    Guard(&message, [&]() -> Status {
      is_shadow = T::IsShadowName(suffix);
      return {};
    });
    sqlite3_free(message);
    return is_shadow;
  }

  static int Integrity(sqlite3_vtab* table, const char* schema, const char* name, int flags,
                       char** message) {
    return Guard(table, [&]() -> Status {
      std::string finding;
      const Status status = Self(table).CheckIntegrity((flags & kQuickCheck) != 0, &finding);
      if (!status.ok() || finding.empty()) return status;
      *message = sqlite3_mprintf("%s.%s: %s", schema, name, finding.c_str());
      return *message == nullptr ? Status{SQLITE_NOMEM, ""} : Status();
    });
  }

  static constexpr Module MakeModule() {
    Module m{};
    m.iVersion = HasCheckIntegrity<T> ? 4 : HasIsShadowName<T> ? 3 : kSavepoints<T> ? 2 : 1;
    if constexpr (kCreatable<T>) {
      m.xCreate = Create;
      m.xDestroy = Destroy;
    } else {
      m.xDestroy = Disconnect;
    }
    m.xConnect = Connect;
    m.xDisconnect = Disconnect;
    m.xBestIndex = BestIndex;
    m.xOpen = Open;
    m.xClose = Close;
    m.xFilter = Filter;
    m.xNext = Next;
    m.xEof = Eof;
    m.xColumn = Column;
    m.xRowid = Rowid;
    if constexpr (kWritable<T>) m.xUpdate = Update;
    if constexpr (kTransactional<T>) {
      m.xBegin = Begin;
      m.xSync = Sync;
      m.xCommit = Commit;
      m.xRollback = Rollback;
    }
    if constexpr (kSavepoints<T>) {
      m.xSavepoint = Savepoint;
      m.xRelease = Release;
      m.xRollbackTo = RollbackTo;
    }
    if constexpr (HasRename<T>) m.xRename = Rename;
    if constexpr (HasFindFunction<T>) m.xFindFunction = FindFunction;
    if constexpr (HasIsShadowName<T>) m.xShadowName = IsShadowName;
    if constexpr (HasCheckIntegrity<T>) m.xIntegrity = Integrity;
    return m;
  }
};

}  // namespace detail

template <VirtualTable T>
inline constexpr Module kModule = detail::Glue<T>::MakeModule();

// Makes T available under `name` on this connection. The module keeps `aux` (may be null) until it
// is replaced or the connection closes, after its last table is gone. Returns a SQLite result code.
template <VirtualTable T>
int Register(sqlite3* db, const char* name, std::shared_ptr<typename T::Aux> aux) noexcept {
  using Shared = std::shared_ptr<typename T::Aux>;
  if (aux == nullptr) return sqlite3_create_module_v2(db, name, &kModule<T>, nullptr, nullptr);
  auto* holder = new (std::nothrow) Shared(std::move(aux));
  if (holder == nullptr) return SQLITE_NOMEM;
  // SQLite calls the destructor also where it fails.
  return sqlite3_create_module_v2(db, name, &kModule<T>, holder,
                                  [](void* p) { delete static_cast<Shared*>(p); });
}

}  // namespace sqlite_vtab
