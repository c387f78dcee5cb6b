// The virtual-table helper ext/sqlite_vtab/, on small tables of its own.

#include "ext/sqlite_vtab/vtab.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace sqlite_vtab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Outcome {
  int code = SQLITE_OK;
  std::string message;
  std::vector<std::string> rows;  // columns joined by '|'
};

class Database {
 public:
  Database() { sqlite3_open(":memory:", &db_); }
  ~Database() { EXPECT_EQ(sqlite3_close(db_), SQLITE_OK); }

  sqlite3* get() const { return db_; }

  Outcome Run(const std::string& sql) {
    Outcome outcome;
    char* message = nullptr;
    outcome.code = sqlite3_exec(
        db_, sql.c_str(),
        [](void* rows, int n, char** values, char**) {
          std::string row;
          for (int i = 0; i < n; i++) {
            row += (i > 0 ? "|" : "") + std::string(values[i] != nullptr ? values[i] : "NULL");
          }
          static_cast<std::vector<std::string>*>(rows)->push_back(row);
          return 0;
        },
        &outcome.rows, &message);
    if (message != nullptr) outcome.message = message;
    sqlite3_free(message);
    return outcome;
  }
  std::vector<std::string> Rows(const std::string& sql) {
    const Outcome outcome = Run(sql);
    EXPECT_EQ(outcome.code, SQLITE_OK) << sql << ": " << outcome.message;
    return outcome.rows;
  }

 private:
  sqlite3* db_ = nullptr;
};

// --- Numbers: eponymous and read only; 1 to the bound that all its tables share. Its plan takes
// lower bounds, and consumes the order.

class Numbers : public Table {
 public:
  using Aux = int;

  struct Plan {
    int lower_bounds = 0;
    bool descending = false;

    EncodedPlan Encode() const {
      return {descending ? 1 : 0, std::string(static_cast<size_t>(lower_bounds), '>')};
    }
    static std::optional<Plan> Decode(int number, std::string_view text) {
      return Plan{static_cast<int>(text.size()), number == 1};
    }
  };

  class Cursor : public sqlite_vtab::Cursor {
   public:
    explicit Cursor(int last) : last_(last) {}

    Status Filter(const Plan& plan, Values arguments) {
      first_ = 1;
      for (sqlite3_value* bound : arguments) {
        first_ = std::max(first_, sqlite3_value_int(bound) + 1);
      }
      descending_ = plan.descending;
      at_ = descending_ ? last_ : first_;
      return {};
    }
    Status Next() {
      at_ += descending_ ? -1 : 1;
      return {};
    }
    bool Eof() const noexcept { return at_ < first_ || at_ > last_; }
    Status Column(sqlite3_context* context, int) {
      sqlite3_result_int(context, at_);
      return {};
    }
    sqlite3_int64 Rowid() { return at_; }

   private:
    const int last_;
    int first_ = 1;
    int at_ = 0;
    bool descending_ = false;
  };

  explicit Numbers(int last) : last_(last) {}

  static Status Connect(const ConnectArgs<int>& args, std::unique_ptr<Numbers>& table) {
    table = std::make_unique<Numbers>(*args.aux);
    return {sqlite3_declare_vtab(args.db, "CREATE TABLE x(n INTEGER, unused)"), ""};
  }
  Status BestIndex(IndexInfo& info, Plan& plan) {
    double rows = last_;
    for (const Constraint& constraint : info.constraints()) {
      if (constraint.op() != SQLITE_INDEX_CONSTRAINT_GT || !constraint.usable()) continue;
      if (constraint.column() > 0 || !constraint.has_binary_collation()) continue;
      EXPECT_EQ(info.Use(constraint, Omit::kYes), plan.lower_bounds);
      plan.lower_bounds++;
      rows /= 4;
    }
    info.SetEstimates(rows, static_cast<sqlite3_int64>(rows));
    const std::vector<OrderTerm> order = info.order_by();
    if (order.size() == 1 && order[0].column <= 0) {
      plan.descending = order[0].descending;
      info.ConsumeOrderBy();
    }
    return {};
  }
  Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>(last_);
    return {};
  }

 private:
  const int last_;
};

static_assert(kModule<Numbers>.iVersion == 1);
static_assert(kModule<Numbers>.xCreate == nullptr);
static_assert(kModule<Numbers>.xUpdate == nullptr);
static_assert(kModule<Numbers>.xBegin == nullptr);
static_assert(kModule<Numbers>.xRename == nullptr);

class NumbersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Register<Numbers>(db_.get(), "numbers", std::make_shared<int>(5)), SQLITE_OK);
  }

  Database db_;
};

TEST_F(NumbersTest, AnEponymousTableIsThereWithoutCreate) {
  EXPECT_THAT(db_.Rows("SELECT n FROM numbers"), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_EQ(db_.Run("CREATE VIRTUAL TABLE t USING numbers").code, SQLITE_ERROR);
}

TEST_F(NumbersTest, APlanReachesFilterWithItsArguments) {
  EXPECT_THAT(db_.Rows("SELECT n FROM numbers WHERE n > 1 AND n > 3"), ElementsAre("4", "5"));
  EXPECT_THAT(db_.Rows("EXPLAIN QUERY PLAN SELECT n FROM numbers WHERE n > 1 AND n > 3"),
              ElementsAre(HasSubstr("VIRTUAL TABLE INDEX 0:>>")));
}

TEST_F(NumbersTest, AConsumedOrderIsNotSortedAgain) {
  const std::string sql = "SELECT n FROM numbers WHERE n > 2 ORDER BY n DESC";
  EXPECT_THAT(db_.Rows(sql), ElementsAre("5", "4", "3"));
  EXPECT_THAT(db_.Rows("EXPLAIN QUERY PLAN " + sql),
              ElementsAre(HasSubstr("VIRTUAL TABLE INDEX 1:>")));
}

TEST_F(NumbersTest, ATermWithAnotherCollationIsLeftToSqlite) {
  const std::string sql = "SELECT n FROM numbers WHERE n > 3 COLLATE NOCASE";
  EXPECT_THAT(db_.Rows(sql), ElementsAre("4", "5"));
  EXPECT_THAT(db_.Rows("EXPLAIN QUERY PLAN " + sql),
              ElementsAre(HasSubstr("VIRTUAL TABLE INDEX 0:")));
  EXPECT_THAT(db_.Rows("EXPLAIN QUERY PLAN " + sql), ElementsAre(::testing::Not(HasSubstr(">"))));
}

TEST_F(NumbersTest, ATermWhoseValueIsNotKnownIsNotUsable) {
  // Either table may be the outer one; in the plan for that one the other's n is unknown.
  EXPECT_THAT(db_.Rows("SELECT a.n, b.n FROM numbers a, numbers b WHERE a.n > b.n AND b.n > 3"),
              ElementsAre("5|4"));
}

TEST_F(NumbersTest, WritesToATableWithoutThemAreRefused) {
  EXPECT_THAT(db_.Run("DELETE FROM numbers").message, HasSubstr("may not be modified"));
}

TEST(RegisterTest, TheModuleKeepsAuxUntilTheConnectionCloses) {
  auto shared = std::make_shared<int>(1);
  {
    Database db;
    ASSERT_EQ(Register<Numbers>(db.get(), "numbers", shared), SQLITE_OK);
    EXPECT_EQ(shared.use_count(), 2);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

// --- Recorder: has all capabilities, no rows, and writes down what it is asked.

struct Record {
  std::vector<std::string> calls;
  Status sync_status;

  std::vector<std::string> Take() { return std::exchange(calls, {}); }
};

class Recorder : public Table {
 public:
  using Aux = Record;
  using Plan = Numbers::Plan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    Status Filter(const Plan&, Values) { return {}; }
    Status Next() {
      done_ = true;
      return {};
    }
    bool Eof() const noexcept { return done_; }
    Status Column(sqlite3_context* context, int) {
      sqlite3_result_int(context, 7);
      return {};
    }
    sqlite3_int64 Rowid() { return 7; }

   private:
    bool done_ = false;
  };

  explicit Recorder(Record& record) : record_(record) {}

  static Status Create(const ConnectArgs<Record>& args, std::unique_ptr<Recorder>& table) {
    std::string call = "create " + std::string(args.module) + " " + std::string(args.schema) + "." +
                       std::string(args.table);
    for (const char* option : args.options) call += std::string(" [") + option + "]";
    args.aux->calls.push_back(call);
    return Connect(args, table);
  }
  static Status Connect(const ConnectArgs<Record>& args, std::unique_ptr<Recorder>& table) {
    table = std::make_unique<Recorder>(*args.aux);
    return {sqlite3_declare_vtab(args.db, "CREATE TABLE x(a, b)"), ""};
  }
  Status Destroy() { return Note("destroy"); }
  Status BestIndex(IndexInfo&, Plan&) { return {}; }
  Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>();
    return {};
  }

  Status Insert(sqlite3_value* rowid, Values columns, sqlite3_int64* new_rowid) {
    *new_rowid = 42;
    return Note("insert " + Text(rowid) + " " + Text(columns[0]) + " " + Text(columns[1]));
  }
  Status Update(sqlite3_value* old_key, sqlite3_value* new_key, Values columns) {
    return Note("update " + Text(old_key) + " " + Text(new_key) + " " + Text(columns[0]) + " " +
                Text(columns[1]));
  }
  Status Delete(sqlite3_value* key) { return Note("delete " + Text(key)); }

  Status Begin() { return Note("begin"); }
  Status Sync() {
    record_.calls.push_back("sync");
    return record_.sync_status;
  }
  void Commit() { record_.calls.push_back("commit"); }
  Status Rollback() { return Note("rollback"); }
  Status Savepoint(int n) { return Note("savepoint " + std::to_string(n)); }
  Status Release(int n) { return Note("release " + std::to_string(n)); }
  Status RollbackTo(int n) { return Note("rollback to " + std::to_string(n)); }
  Status Rename(const char* new_name) { return Note(std::string("rename ") + new_name); }
  static bool IsShadowName(std::string_view suffix) { return suffix == "data"; }

  int FindFunction(int argc, const char* name, SqlFunction* function, void**) {
    if (argc != 2 || std::string_view(name) != "like") return 0;
    *function = [](sqlite3_context* context, int, sqlite3_value**) {
      sqlite3_result_text(context, "overloaded", -1, SQLITE_STATIC);
    };
    return 1;
  }

 private:
  static std::string Text(sqlite3_value* value) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
    return text == nullptr ? "NULL" : text;
  }
  Status Note(std::string call) {
    record_.calls.push_back(std::move(call));
    return {};
  }

  Record& record_;
};

static_assert(kModule<Recorder>.iVersion == 3);

class RecorderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Register<Recorder>(db_.get(), "recorder", record_), SQLITE_OK);
    db_.Rows("CREATE VIRTUAL TABLE t USING recorder(a = 1, b)");
    created_ = record_->Take();
  }

  const std::shared_ptr<Record> record_ = std::make_shared<Record>();
  Database db_;
  std::vector<std::string> created_;
};

TEST_F(RecorderTest, CreateGetsModuleSchemaTableAndOptions) {
  EXPECT_THAT(created_, ElementsAre("create recorder main.t [a = 1] [b]", "sync", "commit"));
}

TEST_F(RecorderTest, WritesArriveAsInsertUpdateAndDelete) {
  db_.Rows("INSERT INTO t(a, b) VALUES ('x', NULL)");
  EXPECT_THAT(record_->Take(), ElementsAre("begin", "insert NULL x NULL", "sync", "commit"));
  EXPECT_EQ(sqlite3_last_insert_rowid(db_.get()), 42);
  db_.Rows("INSERT INTO t(rowid, a) VALUES (3, 'x')");
  EXPECT_THAT(record_->Take(), ElementsAre("begin", "insert 3 x NULL", "sync", "commit"));
  db_.Rows("UPDATE t SET a = 'y'");
  EXPECT_THAT(record_->Take(), ::testing::Contains("update 7 7 y 7"));
  db_.Rows("DELETE FROM t");
  EXPECT_THAT(record_->Take(), ::testing::Contains("delete 7"));
}

TEST_F(RecorderTest, SavepointsAndRollbackArrive) {
  db_.Rows("BEGIN; INSERT INTO t VALUES (1, 2)");
  record_->Take();
  db_.Rows("SAVEPOINT s; ROLLBACK TO s; RELEASE s; ROLLBACK");
  EXPECT_THAT(record_->Take(),
              ElementsAre("savepoint 0", "rollback to 0", "release 0", "rollback"));
}

TEST_F(RecorderTest, AnErrorOfSyncStopsTheCommitWithItsMessage) {
  record_->sync_status = {SQLITE_FULL, "no room for t"};
  const Outcome outcome = db_.Run("INSERT INTO t VALUES (1, 2)");
  EXPECT_EQ(outcome.code, SQLITE_FULL);
  EXPECT_EQ(outcome.message, "no room for t");
  EXPECT_THAT(record_->Take(), ElementsAre("begin", "insert NULL 1 2", "sync", "rollback"));
}

TEST_F(RecorderTest, RenameAndDropArrive) {
  db_.Rows("ALTER TABLE t RENAME TO u");
  EXPECT_THAT(record_->Take(), ElementsAre("rename u"));
  db_.Rows("DROP TABLE u");
  EXPECT_THAT(record_->Take(), ElementsAre("destroy"));
}

TEST_F(RecorderTest, AFunctionCanBeOverloaded) {
  EXPECT_THAT(db_.Rows("SELECT like('x', a) FROM t"), ElementsAre("0"));
  EXPECT_THAT(db_.Rows("SELECT a LIKE 'x' FROM t"), ElementsAre("overloaded"));
}

TEST_F(RecorderTest, ShadowTablesAreProtected) {
  db_.Rows("CREATE TABLE t_data(a); CREATE TABLE t_other(a)");
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  EXPECT_THAT(db_.Run("INSERT INTO t_data VALUES (1)").message, HasSubstr("may not be modified"));
  db_.Rows("INSERT INTO t_other VALUES (1)");
}

// --- Thrower: throws, from the callback that `where` names, what `what` says.

struct Throw {
  std::string where;
  enum { kBadAlloc, kRuntimeError, kInt, kStatus } what = kInt;

  // What the callback `here` does first.
  Status In(const std::string& here) const {
    if (where != here) return {};
    switch (what) {
      case kBadAlloc:
        throw std::bad_alloc();
      case kRuntimeError:
        throw std::runtime_error("thrown by " + here);
      case kInt:
        throw 1;
      case kStatus:
        break;
    }
    return {SQLITE_CORRUPT, "returned by " + here};
  }
};

class Thrower : public Table {
 public:
  using Aux = Throw;

  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    explicit Cursor(const Throw& t) : throw_(t) {}
    Status Filter(const Plan&, Values) { return throw_.In("filter"); }
    Status Next() {
      done_ = true;
      return throw_.In("next");
    }
    bool Eof() const noexcept { return done_; }
    Status Column(sqlite3_context*, int) { return throw_.In("column"); }
    sqlite3_int64 Rowid() {
      (void)throw_.In("rowid");
      return 1;
    }

   private:
    const Throw& throw_;
    bool done_ = false;
  };

  explicit Thrower(const Throw& t) : throw_(t) {}
  static Status Create(const ConnectArgs<Throw>& args, std::unique_ptr<Thrower>& table) {
    if (Status status = args.aux->In("create"); !status.ok()) return status;
    return Connect(args, table);
  }
  static Status Connect(const ConnectArgs<Throw>& args, std::unique_ptr<Thrower>& table) {
    table = std::make_unique<Thrower>(*args.aux);
    return {sqlite3_declare_vtab(args.db, "CREATE TABLE x(a)"), ""};
  }
  Status Destroy() { return throw_.In("destroy"); }
  Status BestIndex(IndexInfo&, Plan&) { return throw_.In("best index"); }
  Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>(throw_);
    return throw_.In("open");
  }
  Status Insert(sqlite3_value*, Values, sqlite3_int64*) { return throw_.In("insert"); }
  Status Update(sqlite3_value*, sqlite3_value*, Values) { return throw_.In("update"); }
  Status Delete(sqlite3_value*) { return throw_.In("delete"); }
  Status Begin() { return throw_.In("begin"); }
  Status Sync() { return throw_.In("sync"); }
  void Commit() {}
  Status Rollback() { return throw_.In("rollback"); }
  Status Rename(const char*) { return throw_.In("rename"); }

 private:
  const Throw& throw_;
};

struct Site {
  const char* where;
  const char* sql;
  // SQLite passes code and message of most callbacks on, but not of all.
  int code = SQLITE_CORRUPT;
  bool has_message = true;
};

class GuardTest : public ::testing::TestWithParam<Site> {
 protected:
  void SetUp() override {
    ASSERT_EQ(Register<Thrower>(db_.get(), "thrower", throw_), SQLITE_OK);
    db_.Rows("CREATE VIRTUAL TABLE t USING thrower");
    throw_->where = GetParam().where;
  }
  void TearDown() override { throw_->where.clear(); }

  const std::shared_ptr<Throw> throw_ = std::make_shared<Throw>();
  Database db_;
};

TEST_P(GuardTest, BadAllocIsNoMemory) {
  throw_->what = Throw::kBadAlloc;
  EXPECT_EQ(db_.Run(GetParam().sql).code, SQLITE_NOMEM);
}

TEST_P(GuardTest, AnExceptionIsAnErrorWithItsMessage) {
  throw_->what = Throw::kRuntimeError;
  const Outcome outcome = db_.Run(GetParam().sql);
  EXPECT_EQ(outcome.code, SQLITE_ERROR);
  if (GetParam().has_message) {
    EXPECT_THAT(outcome.message, HasSubstr(std::string("thrown by ") + GetParam().where));
  }
}

TEST_P(GuardTest, AThrownIntIsAnErrorToo) {
  throw_->what = Throw::kInt;
  const Outcome outcome = db_.Run(GetParam().sql);
  EXPECT_EQ(outcome.code, SQLITE_ERROR);
  if (GetParam().has_message) {
    EXPECT_THAT(outcome.message, HasSubstr("unexpected C++ exception"));
  }
}

// The callbacks that return a Status.
class StatusTest : public GuardTest {};

TEST_P(StatusTest, AStatusKeepsItsCodeAndMessage) {
  throw_->what = Throw::kStatus;
  const Outcome outcome = db_.Run(GetParam().sql);
  EXPECT_EQ(outcome.code, GetParam().code);
  if (GetParam().has_message) {
    EXPECT_THAT(outcome.message, HasSubstr(std::string("returned by ") + GetParam().where));
  }
}

constexpr Site kStatusSites[] = {
    {"create", "CREATE VIRTUAL TABLE u USING thrower"},
    {"destroy", "DROP TABLE t", SQLITE_CORRUPT, /*has_message=*/false},
    {"best index", "SELECT * FROM t", SQLITE_ERROR},
    {"open", "SELECT * FROM t"},
    {"filter", "SELECT * FROM t"},
    {"next", "SELECT * FROM t"},
    {"column", "SELECT a FROM t"},
    {"insert", "INSERT INTO t VALUES (1)"},
    {"update", "UPDATE t SET a = 1"},
    {"delete", "DELETE FROM t"},
    {"begin", "INSERT INTO t VALUES (1)"},
    {"sync", "INSERT INTO t VALUES (1)"},
    {"rename", "ALTER TABLE t RENAME TO u"},
};
constexpr Site kRowidSite = {"rowid", "SELECT rowid FROM t"};

std::string SiteName(const ::testing::TestParamInfo<Site>& info) {
  std::string name = info.param.where;
  std::erase(name, ' ');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Callbacks, StatusTest, ::testing::ValuesIn(kStatusSites), SiteName);
INSTANTIATE_TEST_SUITE_P(Callbacks, GuardTest, ::testing::ValuesIn(kStatusSites), SiteName);
INSTANTIATE_TEST_SUITE_P(Rowid, GuardTest, ::testing::Values(kRowidSite), SiteName);

TEST(GuardRollbackTest, AnExceptionInRollbackStaysInside) {
  const auto thrown = std::make_shared<Throw>(Throw{"rollback", Throw::kInt});
  Database db;
  ASSERT_EQ(Register<Thrower>(db.get(), "thrower", thrown), SQLITE_OK);
  db.Rows("CREATE VIRTUAL TABLE t USING thrower; BEGIN; INSERT INTO t VALUES (1)");
  EXPECT_THAT(db.Rows("ROLLBACK"), IsEmpty());
}

// --- Named: a table whose functions have a Status of their own.

enum class Trouble { kNone, kFull };

}  // namespace

template <>
struct StatusTraits<Trouble> {
  static int Code(Trouble trouble) { return trouble == Trouble::kNone ? SQLITE_OK : SQLITE_FULL; }
  static const char* Message(Trouble) { return "no room for a row"; }
};

namespace {

class Named : public Table {
 public:
  using Aux = void;
  using Plan = OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    Trouble Filter(const Plan&, Values) { return Trouble::kNone; }
    Trouble Next() {
      at_end_ = true;
      return Trouble::kFull;
    }
    bool Eof() const noexcept { return at_end_; }
    Trouble Column(sqlite3_context* context, int) {
      sqlite3_result_int(context, 7);
      return Trouble::kNone;
    }
    sqlite3_int64 Rowid() { return 1; }

   private:
    bool at_end_ = false;
  };

  static Trouble Connect(const ConnectArgs<Aux>& args, std::unique_ptr<Named>& table) {
    sqlite3_declare_vtab(args.db, "CREATE TABLE x(a)");
    table = std::make_unique<Named>();
    return Trouble::kNone;
  }
  // The helper's own, for what only SQLite has a code for.
  Status BestIndex(IndexInfo& info, Plan&) {
    if (info.order_by().size() > 1) return {SQLITE_CONSTRAINT_VTAB, "one order is enough"};
    return Trouble::kNone;
  }
  Trouble Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>();
    return Trouble::kNone;
  }
};

TEST(StatusTraitsTest, ATableMayHaveAStatusOfItsOwn) {
  Database db;
  ASSERT_EQ(Register<Named>(db.get(), "named", nullptr), SQLITE_OK);
  EXPECT_THAT(db.Rows("SELECT a FROM named LIMIT 1"), ElementsAre("7"));
  const Outcome outcome = db.Run("SELECT a FROM named");
  EXPECT_EQ(outcome.code, SQLITE_FULL);
  EXPECT_EQ(outcome.message, "no room for a row");
  EXPECT_EQ(db.Run("SELECT a FROM named ORDER BY a, rowid").message, "one order is enough");
}

}  // namespace
}  // namespace sqlite_vtab
