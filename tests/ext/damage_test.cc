// Files of the log itself that were damaged while nobody had it open: an error that says where,
// nothing overwritten, and the rest of the database usable. (Those of what is derived from it:
// derived_damage_test.cc.)

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/files.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::_;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

void WriteBytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void FlipByte(const fs::path& path, size_t at) {
  std::string bytes = ReadFile(path);
  bytes.at(at) ^= 0x55;
  WriteBytes(path, bytes);
}

// What the files of a directory hold, but for the locks, by name.
std::map<std::string, std::string> ReadFiles(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || name == "LOCK" || name == "HOLDER") continue;
    files[name] = ReadFile(entry.path());
  }
  return files;
}

std::vector<fs::path> FilesThatEndIn(const fs::path& directory, const std::string& suffix) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().string().ends_with(suffix)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The table files of a column family, which they name among their properties.
std::vector<fs::path> TablesOf(const fs::path& directory, const std::string& family) {
  std::vector<fs::path> tables = FilesThatEndIn(directory, ".sst");
  std::erase_if(tables, [&](const fs::path& table) {
    return ReadFile(table).find("name" + family) == std::string::npos;
  });
  return tables;
}

fs::path Manifest(const fs::path& directory) {
  std::string name = ReadFile(directory / "CURRENT");
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return directory / name;
}

constexpr int64_t kEntries = 1000;

class DamageTest : public DatabaseTest {
 protected:
  // Two logs and an ordinary table.
  void Fill() {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    db_->Run(
        "CREATE VIRTUAL TABLE other USING sv_log; INSERT INTO other(key, value) VALUES (1, 1)");
    db_->Run("CREATE TABLE plain(x)");
    // Several blocks of each column family.
    db_->Run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
        "INSERT INTO events(key, value) SELECT 'key' || i || hex(randomblob(20)), "
        "json_object('location', "
        "hex(randomblob(60)), 'tags', json_array('t' || (i % 20), 'all')) FROM n");
    db_->Run("INSERT INTO events(events) VALUES ('flush')");
    db_->Run("SELECT sv_wait(1000, 'events'); INSERT INTO view_tags(view_tags) VALUES ('flush')");
    db_->Close();
  }

  // Keeps the database with its logs, to begin with it again.
  void Keep() {
    fs::remove_all(kept_.path());
    fs::remove(fs::path(log_dir_) / "SOCKET");  // of a killed process; it cannot be copied
    fs::copy(dir_.path(), kept_.path(), fs::copy_options::recursive);
  }
  void Restore() {
    // Files are written over, so that database and directory stay the same ones to the log.
    for (const auto& entry : fs::directory_iterator(log_dir_)) fs::remove_all(entry.path());
    fs::copy(kept_.path(), dir_.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }

  void ExpectSound() {
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
  }

  // All but the log is usable, also for writing.
  void ExpectTheRestIsUsable() {
    db_->Run("INSERT INTO plain VALUES (1); SELECT * FROM plain");
    EXPECT_THAT(CheckOrdinaryTables(*db_), ElementsAre("'ok'"));
    db_->Run("INSERT INTO other(key, value) VALUES (2, 2)");
    db_->Run("INSERT INTO other(other) VALUES ('integrity-check')");
  }

  // Neither reading nor writing the log works, each says why, and the directory stays as it is.
  template <typename Code>
  void ExpectUnusable(const Code& code, const std::string& message) {
    const auto before = ReadFiles(log_dir_);
    db_ = Connect();
    const auto fails = Fails(code, AllOf(HasSubstr(log_dir_), HasSubstr(message)));
    EXPECT_THAT(db_->Try("SELECT * FROM events"), fails);
    EXPECT_THAT(db_->Try("SELECT * FROM view_tags"), fails);
    EXPECT_THAT(db_->Try("SELECT * FROM docs"), fails);
    EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES (1, 1)"), fails);
    EXPECT_THAT(db_->Try("DELETE FROM docs"), fails);
    EXPECT_EQ(db_->Query("SELECT name, state FROM sv_status WHERE last_error LIKE '%' || ?1 || '%'",
                         {message}),
              (Lines{"'events'|'failed'", "'view_tags'|'failed'"}));
    ExpectTheRestIsUsable();
    EXPECT_TRUE(ReadFiles(log_dir_) == before);
    // What cannot be read is not ours to delete; the tables are.
    db_->Run("DROP TABLE view_tags; DROP TABLE docs; DROP TABLE events");
    db_->Close();
    EXPECT_TRUE(ReadFiles(log_dir_) == before);
  }

  TempDir kept_;
};

// --- files that are read when a log is opened

struct Damage {
  const char* name;
  int code;
  const char* message;
  void (*inflict)(const fs::path& directory);
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

constexpr Damage kDamages[] = {
    {"ManifestWithAFlippedByte", SQLITE_CORRUPT, "MANIFEST",
     [](const fs::path& d) { FlipByte(Manifest(d), fs::file_size(Manifest(d)) / 2); }},
    {"EmptyManifest", SQLITE_CORRUPT, "MANIFEST",
     [](const fs::path& d) { fs::resize_file(Manifest(d), 0); }},
    {"NoManifest", SQLITE_CANTOPEN, "MANIFEST", [](const fs::path& d) { fs::remove(Manifest(d)); }},
    {"NoCurrent", SQLITE_CANTOPEN, "CURRENT", [](const fs::path& d) { fs::remove(d / "CURRENT"); }},
    {"EmptyCurrent", SQLITE_CORRUPT, "CURRENT",
     [](const fs::path& d) { WriteBytes(d / "CURRENT", ""); }},
    {"GarbledCurrent", SQLITE_CORRUPT, "CURRENT",
     [](const fs::path& d) { WriteBytes(d / "CURRENT", "nonsense"); }},
    {"NoMarker", SQLITE_CANTOPEN, "not a streamview log directory",
     [](const fs::path& d) { fs::remove(d / "STREAMVIEW"); }},
    {"EmptyMarker", SQLITE_CANTOPEN, "STREAMVIEW file cannot be read or is damaged",
     [](const fs::path& d) { WriteBytes(d / "STREAMVIEW", ""); }},
    {"GarbledMarker", SQLITE_CANTOPEN, "STREAMVIEW file cannot be read or is damaged",
     [](const fs::path& d) { FlipByte(d / "STREAMVIEW", 3); }},
    {"MarkerOfAnotherLog", SQLITE_CANTOPEN, "the database expects log",
     [](const fs::path& d) { FlipByte(d / "STREAMVIEW", fs::file_size(d / "STREAMVIEW") - 5); }},
    {"HalfATableOfTheLog", SQLITE_CORRUPT, ".sst",
     [](const fs::path& d) {
       const fs::path table = TablesOf(d, "log").at(0);
       fs::resize_file(table, fs::file_size(table) / 2);
     }},
    {"NoTableOfTheLog", SQLITE_CORRUPT, "No such file",
     [](const fs::path& d) { fs::remove(TablesOf(d, "log").at(0)); }},
};

class OpeningTest : public DamageTest, public ::testing::WithParamInterface<Damage> {};

TEST_P(OpeningTest, IsRefusedAndOverwritesNothing) {
  Fill();
  GetParam().inflict(log_dir_);
  ExpectUnusable(GetParam().code, GetParam().message);
  // The name can be used again once the directory is out of the way.
  db_ = Connect();
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE events USING sv_log"), Fails(SQLITE_CANTOPEN, _));
  fs::rename(log_dir_, log_dir_ + ".damaged");
  CreateLogAndView();
  EXPECT_EQ(Append("a", "{}"), 1);
}

INSTANTIATE_TEST_SUITE_P(Damages, OpeningTest, ::testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

// The one table that is read before anything is known of the log.
TEST_F(DamageTest, DamagedMetadataIsRefused) {
  Fill();
  db_ = Connect();  // which writes to a table what was in the write-ahead log
  EXPECT_EQ(db_->Integer("SELECT sv_head('events')"), kEntries);
  db_->Close();
  const fs::path table = TablesOf(log_dir_, "default").at(0);
  FlipByte(table, 10);
  const auto before = ReadFiles(log_dir_);
  db_ = Connect();
  for (const char* sql : {"SELECT * FROM events", "SELECT * FROM view_tags", "DELETE FROM docs"}) {
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_CORRUPT, HasSubstr(table.string())));
  }
  ExpectTheRestIsUsable();
  db_->Close();
  for (const auto& [name, bytes] : before) {
    if (name.ends_with(".sst")) {
      EXPECT_TRUE(ReadFile(fs::path(log_dir_) / name) == bytes) << name;
    }
  }
}

// Root may read everything, so the test becomes somebody else, who may use all but the directory.
TEST_F(DamageTest, ADirectoryThatMayNotBeReadIsRefused) {
  Fill();
  constexpr uid_t kNobody = 65534;
  const bool is_root = geteuid() == 0;
  for (const auto& entry : fs::recursive_directory_iterator(static_cast<std::string>(dir_ / ""))) {
    fs::permissions(entry.path(), fs::perms::all);
  }
  fs::permissions(fs::path(path_).parent_path(), fs::perms::all);
  fs::permissions(log_dir_, fs::perms::none);
  ASSERT_EQ(is_root ? seteuid(kNobody) : 0, 0);
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_CANTOPEN, HasSubstr(log_dir_)));
  ExpectTheRestIsUsable();
  db_->Close();
  ASSERT_EQ(is_root ? seteuid(0) : 0, 0);
  fs::permissions(log_dir_, fs::perms::owner_all);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT sv_head('events')"), kEntries);
}

// --- files that are read when something is looked for

TEST_F(DamageTest, ADamagedBlockOfTheLogIsAnErrorOfWhoReadsIt) {
  Fill();
  const fs::path table = TablesOf(log_dir_, "log").at(0);
  FlipByte(table, fs::file_size(table) / 3);
  db_ = Connect();
  const auto corrupt = Fails(SQLITE_CORRUPT, HasSubstr(table.string()));
  EXPECT_THAT(db_->Try("SELECT * FROM events"), corrupt);
  EXPECT_THAT(db_->Try("SELECT value FROM docs"), corrupt);
  EXPECT_THAT(db_->Try("SELECT doc FROM view_tags"), corrupt);
  EXPECT_THAT(db_->Try("INSERT INTO events(events) VALUES ('integrity-check')"), corrupt);
  EXPECT_THAT(db_->Try("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')"), corrupt);
  if (ChecksVirtualTables()) {
    EXPECT_THAT(
        db_->Query("PRAGMA integrity_check"),
        UnorderedElementsAre(AllOf(HasSubstr("main.events: "), HasSubstr(table.string())),
                             AllOf(HasSubstr("main.view_tags: "), HasSubstr(table.string()))));
  }
  // All else can be read, and the log takes more.
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events WHERE seq > 990"), 10);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), kEntries);
  EXPECT_EQ(Append("next", R"({"tags":["all"]})"), kEntries + 1);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), kEntries + 1);
  ExpectTheRestIsUsable();
}

// --- the write-ahead log

// Transaction i, from 0: entries 3i+1 to 3i+3, which say so.
constexpr int kPerTransaction = 3;

// Appends `args[1]` transactions to the database `args[0]`, and waits to be killed.
int AppendAndWait(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Run("PRAGMA synchronous = FULL");
  for (int i = 0; i < std::stoi(args[1]); ++i) {
    db.Run("BEGIN");
    for (int k = 0; k < kPerTransaction; ++k) {
      db.Append("events", "key" + std::to_string(i % 7),
                R"({"location":")" + std::string(40, 'x') + R"(","tags":["t)" + std::to_string(i) +
                    R"(","all"]})");
    }
    db.Run("COMMIT");
  }
  std::cout << "done" << std::endl;
  std::cin.get();
  return 0;
}
const ChildProgram kAppendAndWait("append_and_wait", AppendAndWait);

class WalDamageTest : public DamageTest {
 protected:
  static constexpr int kTransactions = 30;

  // Leaves a log of which all is only in a write-ahead log.
  void AppendAndKill() {
    CreateLogAndView();
    db_->Close();
    ChildProcess child("append_and_wait", {path_, std::to_string(kTransactions)});
    ASSERT_EQ(child.ReadLine(), "done");
    child.Kill();
    EXPECT_EQ(child.Wait(), -SIGKILL);
    Keep();
  }

  // Those that hold anything, oldest first.
  std::vector<fs::path> Logs() const {
    std::vector<fs::path> logs = FilesThatEndIn(log_dir_, ".log");
    std::erase_if(logs, [](const fs::path& log) { return fs::file_size(log) == 0; });
    return logs;
  }

  // What is there is the beginning of what was appended, in whole transactions; views are exact and
  // the log goes on. Returns how many transactions there are.
  int64_t ExpectWholeTransactions() {
    db_ = Connect();
    const int64_t head = db_->Integer("SELECT sv_head()");
    EXPECT_EQ(head % kPerTransaction, 0);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM events WHERE value ->> '$.tags[0]' = 't' || ((seq "
                           "- 1) / ?1)",
                           {kPerTransaction}),
              head);
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
    EXPECT_EQ(Append("next", R"({"tags":["all"]})"), head + 1);
    Reopen();
    EXPECT_EQ(db_->Integer("SELECT sv_head()"), head + 1);
    ExpectSound();
    db_->Close();
    return head / kPerTransaction;
  }
};

TEST_F(WalDamageTest, ATornEndLosesWholeTransactionsOnly) {
  AppendAndKill();
  ASSERT_EQ(Logs().size(), 1u);
  const fs::path log = Logs().back();
  const auto size = static_cast<int>(fs::file_size(log));
  EXPECT_EQ(ExpectWholeTransactions(), kTransactions);
  Random random(TestSeed());
  for (const int cut : {1, 2, 7, 100, 1 + random.Below(size), 1 + random.Below(size), size}) {
    SCOPED_TRACE("cut off: " + std::to_string(cut) + " of " + std::to_string(size));
    Restore();
    fs::resize_file(log, static_cast<size_t>(size - cut));
    EXPECT_LT(ExpectWholeTransactions(), kTransactions);
  }
}

TEST_F(WalDamageTest, GarbageAtTheEndIsIgnored) {
  AppendAndKill();
  Random random(TestSeed());
  std::string noise;
  for (int i = 0; i < 500; ++i) noise += static_cast<char>(random.Below(256));
  for (const std::string& garbage : {std::string("x"), std::string(50'000, '\0'), noise}) {
    Restore();
    WriteBytes(Logs().back(), ReadFile(Logs().back()) + garbage);
    EXPECT_EQ(ExpectWholeTransactions(), kTransactions);
  }
}

// RocksDB takes a damaged record for the end of the log, as SQLite does in its own: what follows is
// lost, also where it was acknowledged. What is left is whole, all the same.
TEST_F(WalDamageTest, DamageInTheMiddleLeavesWholeTransactions) {
  AppendAndKill();
  const fs::path log = Logs().back();
  Random random(TestSeed());
  for (int i = 0; i < 5; ++i) {
    Restore();
    FlipByte(log, static_cast<size_t>(random.Below(static_cast<int>(fs::file_size(log)))));
    EXPECT_LT(ExpectWholeTransactions(), kTransactions);
  }
}

}  // namespace
}  // namespace streamview::testing
