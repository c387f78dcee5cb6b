// A process is killed at each step of a COMMIT between two processes: the one that commits, the one
// that holds the log, or both. docs/transactions.md, "Two processes", has the same steps.
//
// Whoever is left, and whoever comes then, finds the transaction whole in the log and in ordinary
// tables, or nothing of it, and it stays so; nothing acknowledged is lost, views are exact, and no
// statement takes longer than it may.

#include <cctype>
#include <chrono>
#include <fstream>
#include <iterator>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/other_process.h"

namespace streamview::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLongestStatement{5000};

// What is found of the transaction.
enum class Found { kNothing, kAll };
// Which journal modes a step exists in.
enum class Journal { kAny, kDelete, kWal };
// What the transaction writes to.
enum class Writes { kLogOnly, kBoth };

// A process dies at `step` (tests/ext/testing/crash_point.h) of the statement `during`.
struct Point {
  const char* name;
  const char* during;
  const char* step;
  Found log_only;  // a transaction that only appends
  Found both;      // one that writes to an ordinary table, too
  Journal journal = Journal::kAny;
};

std::string NameOf(const std::string& sentence) {
  std::string name;
  bool upper = true;
  for (const char c : sentence) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      upper = true;
    } else {
      name += upper ? static_cast<char>(std::toupper(c)) : c;
      upper = false;
    }
  }
  return name;
}

const std::string kTags =
    "SELECT tag.value AS key FROM events, json_each(events.value, '$.tags') AS tag";
const std::string kAppendFirst =
    R"(INSERT INTO events(key, value) VALUES ('base', '{"txn":1,"tags":["txn"]}'))";
const std::string kAppendSecond =
    R"(INSERT INTO events(value) VALUES ('{"txn":1,"tags":["txn","event"]}'))";
constexpr char kInsert[] = "INSERT";
constexpr char kCommit[] = "COMMIT";

class CommitCrashTest : public DatabaseTest {
 protected:
  void SetUpDatabase(const std::string& journal) {
    db_->Run("PRAGMA journal_mode = " + journal);
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE counts USING sv_view(log = events, reduce = 'count', map = (" +
             kTags + "))");
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE plain(x)");
    db_->Run("BEGIN; INSERT INTO plain VALUES ('base')");
    Append("base", R"({"tags":["base"]})");
    db_->Run("COMMIT");
    db_->Close();
    // The first to use the log holds it.
    holder_ = Start();
    client_ = Start();
  }

  std::unique_ptr<OtherProcess> Start() {
    auto process = std::make_unique<OtherProcess>(path_);
    process->Run("PRAGMA busy_timeout = 5000");
    process->Run("SELECT count(*) FROM events");
    // Or its first transaction would be taken for one that changes the database.
    for (int i = 0; i < 2; ++i) process->Run("BEGIN; INSERT INTO events(value) VALUES (0); COMMIT");
    return process;
  }

  // All that the client does before the statement in which somebody dies.
  void BeginTransaction(Writes writes, const std::string& until) {
    client_->Run("BEGIN");
    if (writes == Writes::kBoth) client_->Run("INSERT INTO plain VALUES ('txn')");
    if (until == kInsert) return;
    client_->Run(kAppendFirst);
    client_->Run(kAppendSecond);
  }

  // --- what is there

  static OtherProcess::Answer Timed(OtherProcess& process, const std::string& sql) {
    const auto start = Clock::now();
    OtherProcess::Answer answer = process.Try(sql);
    EXPECT_LT(Clock::now() - start, kLongestStatement) << sql;
    return answer;
  }
  static void Run(OtherProcess& process, const std::string& sql) {
    const OtherProcess::Answer answer = Timed(process, sql);
    EXPECT_EQ(answer.code, SQLITE_OK) << sql << ": " << answer.message;
  }
  static void ExpectRows(OtherProcess& process, const std::string& sql, const Lines& rows) {
    const OtherProcess::Answer answer = Timed(process, sql);
    EXPECT_EQ(answer.code, SQLITE_OK) << sql << ": " << answer.message;
    EXPECT_EQ(answer.rows, rows) << sql;
  }

  static Lines Count(int n) { return {std::to_string(n)}; }

  static void ExpectFound(OtherProcess& process, Found found, Writes writes) {
    const bool all = found == Found::kAll;
    ExpectRows(process, "SELECT sv_consistency('latest')", {"'latest'"});
    ExpectRows(process, "SELECT count(*) FROM events WHERE value ->> '$.txn' = 1",
               Count(all ? 2 : 0));
    ExpectRows(process, "SELECT count(*) FROM plain WHERE x = 'txn'",
               Count(all && writes == Writes::kBoth ? 1 : 0));
    ExpectRows(process, "SELECT count(*) FROM view_tags WHERE key = 'txn'", Count(all ? 2 : 0));
    ExpectRows(process, "SELECT ifnull(sum(count), 0) FROM counts WHERE key IN ('txn', 'event')",
               Count(all ? 3 : 0));
    ExpectRows(process, "SELECT value ->> '$.tags[0]' FROM docs WHERE key = 'base'",
               {all ? "'txn'" : "'base'"});
  }

  // Another transaction, after that one.
  void WriteMore(OtherProcess& process) {
    Run(process, "BEGIN");
    Run(process, "INSERT INTO plain VALUES ('more')");
    Run(process, R"(INSERT INTO events(key, value) VALUES ('more', '{"tags":["more"]}'))");
    Run(process, "COMMIT");
    ++more_;
  }
  void AppendMore(OtherProcess& process) {
    ExpectRows(process, R"(SELECT sv_append('events', 'more', '{"tags":["more"]}') > 0)", {"1"});
  }

  // Once all processes have ended: in one that holds the log itself.
  void ExpectAllInOrder(Found found, Writes writes) {
    {
      const auto last = Start();
      ExpectFound(*last, found, writes);
      WriteMore(*last);
      ExpectFound(*last, found, writes);
      last->Close();
    }
    db_ = Connect();
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain WHERE x IN ('base', 'more')"), 1 + more_);
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
    EXPECT_EQ(db_->Query("SELECT * FROM counts"),
              ToLines(ReduceRows(ComputeView(*db_, "events", kTags), 1, "count")));
    EXPECT_EQ(db_->Integer("SELECT max(seq) = count(*) AND count(*) = sv_head() FROM events"), 1);
    for (const std::string table : {"events", "view_tags", "counts"}) {
      db_->Run("INSERT INTO " + table + "(" + table + ") VALUES ('integrity-check')");
    }
    EXPECT_EQ(db_->Query("PRAGMA integrity_check"), Lines{"'ok'"});
  }

  std::unique_ptr<OtherProcess> holder_, client_;
  int more_ = 0;
};

// --- the client

const Point kClientPoints[] = {
    {"in xBegin", kInsert, "before send take turn", Found::kNothing, Found::kNothing},
    {"in xUpdate, with the turn", kInsert, "after get answer take turn", Found::kNothing,
     Found::kNothing},
    {"in xSync, before the token is written", kCommit, "before write journal", Found::kNothing,
     Found::kNothing, Journal::kDelete},
    {"in xSync, before Prepare is sent", kCommit, "before send prepare", Found::kNothing,
     Found::kNothing},
    {"in xSync, before Prepare is answered", kCommit, "after send prepare", Found::kAll,
     Found::kNothing},
    {"in xSync, after Prepare was answered", kCommit, "after get answer prepare", Found::kAll,
     Found::kNothing},
    {"before the journal is synced", kCommit, "before sync journal", Found::kAll, Found::kNothing,
     Journal::kDelete},
    {"before the database is written", kCommit, "before write database", Found::kAll,
     Found::kNothing, Journal::kDelete},
    {"before the database is synced", kCommit, "before sync database", Found::kAll, Found::kNothing,
     Journal::kDelete},
    {"before the journal is removed", kCommit, "before remove journal", Found::kAll,
     Found::kNothing, Journal::kDelete},
    {"after the journal was removed", kCommit, "after remove journal", Found::kAll, Found::kAll,
     Journal::kDelete},
    {"before the WAL is written", kCommit, "before write wal", Found::kAll, Found::kNothing,
     Journal::kWal},
    {"before the commit frame", kCommit, "before write commit frame", Found::kAll, Found::kNothing,
     Journal::kWal},
    {"within the commit frame", kCommit, "before write commit page", Found::kAll, Found::kNothing,
     Journal::kWal},
    {"after the commit frame", kCommit, "after write commit frame", Found::kAll, Found::kNothing,
     Journal::kWal},
    {"after the WAL was synced", kCommit, "after sync commit frame", Found::kAll, Found::kNothing,
     Journal::kWal},
    {"after the WAL index was written", kCommit, "before unlock wal", Found::kAll, Found::kAll,
     Journal::kWal},
    {"before xCommit", kCommit, "before send commit", Found::kAll, Found::kAll},
    {"in xCommit, before Commit is answered", kCommit, "after send commit", Found::kAll,
     Found::kAll},
    {"in xCommit, after Commit was answered", kCommit, "after get answer commit", Found::kAll,
     Found::kAll},
};

// SQLite itself writes nothing where a transaction only appends.
bool IsOfSqlite(const Point& point) { return point.journal != Journal::kAny; }

struct ClientCase {
  const Point* point;
  Writes writes;
  std::string journal;
  std::string next;  // what is done first, after the death

  std::string Name() const {
    return NameOf(point->name) + journal + (writes == Writes::kBoth ? "Both" : "LogOnly") + next;
  }
  friend void PrintTo(const ClientCase& c, std::ostream* out) { *out << c.Name(); }
};

std::vector<ClientCase> ClientCases() {
  std::vector<ClientCase> cases;
  for (const Point& point : kClientPoints) {
    for (const std::string journal : {"DELETE", "WAL"}) {
      const auto only = journal == "WAL" ? Journal::kWal : Journal::kDelete;
      if (IsOfSqlite(point) && point.journal != only) continue;
      for (const std::string next : {"Read", "Append", "Write", "Client", "None"}) {
        cases.push_back({&point, Writes::kBoth, journal, next});
      }
      if (point.step == std::string("after write commit frame")) {
        cases.push_back({&point, Writes::kBoth, journal, "Locked"});
      }
      if (!IsOfSqlite(point)) cases.push_back({&point, Writes::kLogOnly, journal, "Append"});
    }
  }
  return cases;
}

class ClientCrashTest : public CommitCrashTest, public ::testing::WithParamInterface<ClientCase> {};

TEST_P(ClientCrashTest, LeavesTheTransactionWholeOrNothingOfIt) {
  const auto& [point, writes, journal, next] = GetParam();
  Found found = writes == Writes::kBoth ? point->both : point->log_only;
  SetUpDatabase(journal);
  const auto other = Start();  // another client
  BeginTransaction(writes, point->during);
  const int64_t version = other->Integer("PRAGMA data_version");
  if (next == "Locked") other->Send("BEGIN IMMEDIATE");
  client_->CrashAt(point->step);
  client_->Send(point->during == std::string(kInsert) ? kAppendFirst : kCommit);
  ASSERT_TRUE(client_->Dies()) << "it does not come to " << point->step;

  if (next == "Locked") {
    // Somebody got SQLite's lock at that moment, waits for the log's turn, and writes nothing to
    // the database: so the holder decides first, and writes to it later.
    EXPECT_EQ(other->Receive().code, SQLITE_OK);
    Run(*other, "INSERT INTO events(value) VALUES (0)");
    Run(*other, "COMMIT");
    const auto deadline = Clock::now() + kLongestStatement;
    while (other->Integer("PRAGMA data_version") == version && Clock::now() < deadline) {
    }
  }
  if (next == "Read" && found == Found::kAll) {
    // Who only reads may come before the decision.
    const std::string entries = "SELECT count(*) FROM events WHERE value ->> '$.txn' = 1";
    const auto deadline = Clock::now() + kLongestStatement;
    while (holder_->Integer(entries) == 0 && Clock::now() < deadline) {
    }
  }
  const std::string step = point->step;
  if (next == "Read" && (step == "after write commit frame" || step == "after sync commit frame")) {
    // Nobody should see a frame that the WAL's index does not know of; but whoever makes that index
    // anew does, and then the transaction is committed, in the log, too. An append comes after the
    // decision.
    AppendMore(*holder_);
    if (other->Integer("SELECT count(*) FROM plain WHERE x = 'txn'") == 1) found = Found::kAll;
  }
  if (next == "Append") AppendMore(*holder_);
  if (next == "Write") WriteMore(*holder_);
  if (next == "Client") WriteMore(*other);
  if (next == "None") {
    // Nobody reads until all have ended: what has been decided meanwhile must hold then, too.
    AppendMore(*other);
  } else {
    ExpectFound(*holder_, found, writes);
    ExpectFound(*other, found, writes);
  }
  other->Kill();
  holder_->Kill();
  ExpectAllInOrder(found, writes);
}

INSTANTIATE_TEST_SUITE_P(EachStep, ClientCrashTest, ::testing::ValuesIn(ClientCases()),
                         [](const auto& info) { return info.param.Name(); });

// --- the process that holds the log

// Its client lives on, and its COMMIT succeeds, or was refused: what is found is what it says.
struct HolderPoint {
  const char* name;
  const char* during;
  const char* step;
  bool commits = true;  // else a commit hook refuses it, after xSync
  // What is found of a transaction that only appends; one that is refused should not be.
  Found log_only = Found::kAll;
};

const HolderPoint kHolderPoints[] = {
    {"as it is asked for the turn", kInsert, "after get take turn"},
    {"before it says who has the turn", kInsert, "before answer take turn"},
    {"after it said who has the turn", kInsert, "after answer take turn"},
    {"as it gets Prepare", kCommit, "after get prepare"},
    {"before the log is written", kCommit, "before write log"},
    {"after the log was written", kCommit, "after write log"},
    {"after the log was synced", kCommit, "after sync log"},
    {"before it answers Prepare", kCommit, "before answer prepare"},
    {"after it answered Prepare", kCommit, "after answer prepare"},
    {"as it gets Commit", kCommit, "after get commit"},
    {"before it answers Commit", kCommit, "before answer commit"},
    {"after it answered Commit", kCommit, "after answer commit"},
    {"as it gets Rollback", kCommit, "after get rollback", false},
    {"before the log is taken back", kCommit, "before write log 2", false},
    {"after the log was taken back", kCommit, "after write log 2", false, Found::kNothing},
    {"before it answers Rollback", kCommit, "before answer rollback", false, Found::kNothing},
    {"after it answered Rollback", kCommit, "after answer rollback", false, Found::kNothing},
};

struct HolderCase {
  const HolderPoint* point;
  Writes writes;
  std::string journal;

  std::string Name() const {
    return NameOf(point->name) + journal + (writes == Writes::kBoth ? "Both" : "LogOnly");
  }
  friend void PrintTo(const HolderCase& c, std::ostream* out) { *out << c.Name(); }
};

std::vector<HolderCase> HolderCases() {
  std::vector<HolderCase> cases;
  for (const HolderPoint& point : kHolderPoints) {
    for (const std::string journal : {"DELETE", "WAL"}) {
      for (const Writes writes : {Writes::kBoth, Writes::kLogOnly}) {
        cases.push_back({&point, writes, journal});
      }
    }
  }
  return cases;
}

class HolderCrashTest : public CommitCrashTest, public ::testing::WithParamInterface<HolderCase> {};

TEST_P(HolderCrashTest, LeavesItsClientWithTheTruth) {
  const auto& [point, writes, journal] = GetParam();
  SetUpDatabase(journal);
  const auto other = Start();  // another client, which may get the log next
  BeginTransaction(writes, point->during);
  if (!point->commits) client_->RefuseCommits();
  holder_->CrashAt(point->step);
  const auto start = Clock::now();
  if (point->during == std::string(kInsert)) {
    client_->Send(kAppendFirst);
    EXPECT_TRUE(holder_->Dies()) << "it does not come to " << point->step;
    EXPECT_EQ(client_->Receive().code, SQLITE_OK);
    Run(*client_, kAppendSecond);
    Run(*client_, kCommit);
  } else {
    client_->Send(kCommit);
    EXPECT_TRUE(holder_->Dies()) << "it does not come to " << point->step;
    other->Send("SELECT count(*) FROM events WHERE value ->> '$.txn' = 1");
    const OtherProcess::Answer answer = client_->Receive();
    EXPECT_EQ(answer.code, point->commits ? SQLITE_OK : SQLITE_CONSTRAINT) << answer.message;
    const int code = other->Receive().code;
    EXPECT_TRUE(code == SQLITE_OK || code == SQLITE_BUSY) << code;
  }
  EXPECT_LT(Clock::now() - start, kLongestStatement);

  const Found refused = writes == Writes::kBoth ? Found::kNothing : point->log_only;
  const Found found = point->commits ? Found::kAll : refused;
  ExpectFound(*client_, found, writes);
  ExpectFound(*other, found, writes);
  AppendMore(*other);
  if (point->commits) WriteMore(*client_);
  WriteMore(*other);
  client_->Kill();
  other->Kill();
  ExpectAllInOrder(found, writes);
}

INSTANTIATE_TEST_SUITE_P(EachStep, HolderCrashTest, ::testing::ValuesIn(HolderCases()),
                         [](const auto& info) { return info.param.Name(); });

// Nobody has decided that it is not committed, so SQLite may recover it.
TEST_F(CommitCrashTest, WhatSqliteRecoversOnceAllHaveDiedIsKeptInTheLog) {
  SetUpDatabase("WAL");
  BeginTransaction(Writes::kBoth, kCommit);
  holder_->CrashAt("after answer prepare");
  client_->CrashAt("after write commit frame");
  client_->Send(kCommit);
  EXPECT_TRUE(holder_->Dies());
  EXPECT_TRUE(client_->Dies());
  ExpectAllInOrder(Found::kAll, Writes::kBoth);
}

// --- whoever decides about the transaction of a client that has died

struct DecisionPoint {
  const char* name;
  const char* step;  // of who decides
  bool committed;    // whether the client had committed
};

const DecisionPoint kDecisionPoints[] = {
    {"before it asks the database", "before open database", false},
    {"before it asks the database of a commit", "before open database", true},
    {"as it asks the database", "after open database", false},
    {"as it asks the database of a commit", "after open database", true},
    {"before the log is taken back", "before write log", false},
    {"after the log was taken back", "after write log", false},
    {"after that was synced", "after sync log", false},
};

struct DecisionCase {
  const DecisionPoint* point;
  bool opens;  // it decides as it opens the log; else as the process that held it before
  std::string journal;

  std::string Name() const {
    return NameOf(point->name) + journal + (opens ? "Opening" : "Holding");
  }
  friend void PrintTo(const DecisionCase& c, std::ostream* out) { *out << c.Name(); }
};

std::vector<DecisionCase> DecisionCases() {
  std::vector<DecisionCase> cases;
  for (const DecisionPoint& point : kDecisionPoints) {
    for (const std::string journal : {"DELETE", "WAL"}) {
      cases.push_back({&point, false, journal});
      // Whoever opens the log sees at once what has been committed.
      if (!point.committed) cases.push_back({&point, true, journal});
    }
  }
  return cases;
}

class DecisionCrashTest : public CommitCrashTest,
                          public ::testing::WithParamInterface<DecisionCase> {};

TEST_P(DecisionCrashTest, LeavesTheNextWithTheSameDecision) {
  const auto& [point, opens, journal] = GetParam();
  SetUpDatabase(journal);
  const auto other = Start();
  const auto third = Start();
  BeginTransaction(Writes::kBoth, kCommit);
  const std::string last = journal == "WAL" ? "after write commit frame" : "before remove journal";
  client_->CrashAt(point->committed ? "before send commit" : last);
  // It writes the client's entries first.
  const std::string step = point->step;
  holder_->CrashAt(opens ? "after answer prepare" : step.ends_with("log") ? step + " 2" : step);
  client_->Send(kCommit);
  EXPECT_TRUE(client_->Dies());
  ASSERT_TRUE(holder_->Dies()) << "it does not come to " << step;
  if (opens) {
    third->CrashAt(step);
    third->Send("SELECT count(*) FROM events");
    ASSERT_TRUE(third->Dies()) << "it does not come to " << step;
  }
  const Found found = point->committed ? Found::kAll : Found::kNothing;
  ExpectFound(*other, found, Writes::kBoth);
  AppendMore(*other);
  if (!opens) third->Kill();
  other->Kill();
  ExpectAllInOrder(found, Writes::kBoth);
}

INSTANTIATE_TEST_SUITE_P(EachStep, DecisionCrashTest, ::testing::ValuesIn(DecisionCases()),
                         [](const auto& info) { return info.param.Name(); });

TEST(CommitCrashStepsTest, AreAllInTheDocumentation) {
  std::ifstream file(std::string(STREAMVIEW_SOURCE_DIR) + "/docs/transactions.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const Point& point : kClientPoints) EXPECT_THAT(text, ::testing::HasSubstr(point.name));
  for (const HolderPoint& point : kHolderPoints) {
    EXPECT_THAT(text, ::testing::HasSubstr(point.name));
  }
  for (const DecisionPoint& point : kDecisionPoints) {
    EXPECT_THAT(text, ::testing::HasSubstr(point.name));
  }
}

}  // namespace
}  // namespace streamview::testing
