// Files of derived data that were damaged while nobody had the log open: it opens, every answer is
// right, and what was lost is built anew from the log.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kRandomDamages = 200;

std::string ReadBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteBytes(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void ChangeByte(const fs::path& path, size_t at) {
  std::string bytes = ReadBytes(path);
  if (bytes.empty()) return;
  bytes[at % bytes.size()] ^= 0x55;
  WriteBytes(path, bytes);
}

class DerivedDamageTest : public DatabaseTest {
 protected:
  void SetUp() override {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    db_->Run(
        "CREATE VIRTUAL TABLE places USING sv_view(log = events, emit = '$.location', "
        "value = '$.n')");
    db_->Run(
        "CREATE VIRTUAL TABLE sums USING sv_view(log = events, reduce = 'stats', map = (SELECT "
        "tag.value AS key, events.value ->> '$.n' AS value FROM events, json_each(events.value, "
        "'$.tags') AS tag))");
    db_->Run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
        "INSERT INTO events(key, value) SELECT 'key' || (i * 7 % 1100), CASE WHEN i % 13 THEN "
        "json_object('location', hex(randomblob(30)), 'n', i, 'tags', json_array('t' || (i % 20), "
        "'all')) END FROM n");
    db_->Run("INSERT INTO events(events) VALUES ('flush')");
    for (const std::string view : {"view_tags", "places", "sums"}) {
      db_->Run("SELECT sv_wait(sv_seq(), '" + view + "'); INSERT INTO " + view + "(" + view +
               ") VALUES ('flush')");
    }
    for (const char* sql : kQuestions) answers_.push_back(db_->Query(sql));
    db_->Close();
    fs::copy(dir_.path(), kept_.path(), fs::copy_options::recursive);
  }

  // What there was before any damage. Database and directory stay the same ones to the log.
  void Restore() {
    for (const auto& entry : fs::directory_iterator(log_dir_)) fs::remove_all(entry.path());
    fs::copy(kept_.path(), dir_.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }

  fs::path derived() const { return fs::path(log_dir_) / "derived"; }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(derived())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  // The answer; a statement that meets damage after its first row says to run it again.
  Lines Ask(const std::string& sql) {
    constexpr int kMaxAttempts = 5;
    for (int attempt = 1;; ++attempt) {
      try {
        return db_->Query(sql);
      } catch (const SqlError& error) {
        EXPECT_EQ(error.code(), SQLITE_BUSY);
        EXPECT_THAT(error.what(), HasSubstr("built anew from the log: try again"));
        if (attempt == kMaxAttempts) throw;
      }
    }
  }

  // Each answer is right, and the log goes on.
  void ExpectRight() {
    db_ = Connect();
    for (size_t i = 0; i < std::size(kQuestions); ++i) {
      EXPECT_TRUE(Ask(kQuestions[i]) == answers_[i]) << kQuestions[i];
    }
    // By then all that is damaged and counts was met, or is met now.
    for (const std::string table : {"events", "view_tags", "places", "sums"}) {
      const std::string check =
          "INSERT INTO " + table + "(" + table + ") VALUES ('integrity-check')";
      const Outcome outcome = db_->Try(check);
      EXPECT_THAT(outcome.message, AnyOf("", HasSubstr("built anew"))) << check;
      db_->Run(check);
    }
    EXPECT_EQ(Append("next", R"({"tags":["all"],"n":1})"), kEntries + 1);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE doc_id = 'next'"), 1);
    EXPECT_EQ(db_->Integer("SELECT seq FROM docs WHERE key = 'next'"), kEntries + 1);
  }
  std::string Told() { return db_->Query("SELECT group_concat(last_error) FROM sv_status").at(0); }

  static constexpr int64_t kEntries = 1500;
  static constexpr const char* kQuestions[] = {
      "SELECT key, value, doc_id, seq FROM view_tags",
      "SELECT value, doc_id FROM view_tags WHERE key = 't7'",
      "SELECT key, value, doc_id FROM places ORDER BY key DESC",
      "SELECT * FROM sums",
      "SELECT key, seq, value FROM docs",
      "SELECT seq FROM docs WHERE key = 'key77'",
      "SELECT count(*), sum(seq) FROM docs WHERE as_of = 777",
      "SELECT seq, operation FROM sv_history('events', 'key77')",
      "SELECT count(*), max(seq) FROM events",
  };
  std::vector<Lines> answers_;
  TempDir kept_;
};

struct Damage {
  const char* name;
  std::function<void(const fs::path&)> inflict;
};

const Damage kDamages[] = {
    {"removed", [](const fs::path& file) { fs::remove(file); }},
    {"emptied", [](const fs::path& file) { fs::resize_file(file, 0); }},
    {"cut in half", [](const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }},
    {"first byte changed", [](const fs::path& file) { ChangeByte(file, 0); }},
    {"byte in the middle changed",
     [](const fs::path& file) { ChangeByte(file, fs::file_size(file) / 2); }},
    {"last byte changed", [](const fs::path& file) { ChangeByte(file, fs::file_size(file) - 1); }},
};

TEST_F(DerivedDamageTest, EachFileMayBeMissingShortOrChanged) {
  int tables = 0, told = 0;
  for (const std::string& name : Files()) {
    for (const Damage& damage : kDamages) {
      SCOPED_TRACE(name + " " + damage.name);
      Restore();
      damage.inflict(derived() / name);
      ExpectRight();
      told += Told().find("built anew") != std::string::npos;
      db_->Close();
      if (HasFailure()) return;
    }
    tables += name.ends_with(".sst");
  }
  EXPECT_GE(tables, 4);  // of the documents, and of three views
  EXPECT_GE(told, 4 * tables);
}

TEST_F(DerivedDamageTest, AllOfItMayBeMissing) {
  fs::remove_all(derived());
  ExpectRight();
}

TEST_F(DerivedDamageTest, TwoHundredRandomDamages) {
  Random random(TestSeed());
  const std::vector<std::string> files = Files();
  for (int i = 0; i < kRandomDamages; ++i) {
    Restore();
    std::string trace;
    for (int n = random.OneIn(4) ? 3 : 1; n > 0; --n) {
      const std::string& name = random.Pick(files);
      const fs::path file = derived() / name;
      if (!fs::exists(file)) continue;
      const auto size = static_cast<int>(fs::file_size(file));
      const int at = random.Below(size + 1);
      const int kind = random.Below(8);
      trace += name + " " + std::to_string(kind) + " at " + std::to_string(at) + "; ";
      switch (kind) {
        case 0:
          fs::remove(file);
          break;
        case 1:
          fs::resize_file(file, static_cast<size_t>(at));
          break;
        case 2:
          WriteBytes(file, ReadBytes(file) + std::string(static_cast<size_t>(at), 'x'));
          break;
        case 3:
          WriteBytes(file, std::string(static_cast<size_t>(size), '\0'));
          break;
        default:
          ChangeByte(file, static_cast<size_t>(at));
      }
    }
    SCOPED_TRACE("damage " + std::to_string(i) + ": " + trace);
    ExpectRight();
    db_->Close();
    if (HasFailure()) return;
  }
}

TEST_F(DerivedDamageTest, WhatHappenedIsToldUntilTheLogIsClosed) {
  for (const std::string& name : Files()) {
    if (name == "CURRENT") fs::remove(derived() / name);
  }
  db_ = Connect();
  EXPECT_EQ(db_->Query("SELECT key, value, doc_id, seq FROM view_tags"), answers_[0]);
  const std::string why = "SELECT last_error FROM sv_status WHERE name = ?1";
  EXPECT_THAT(db_->Query(why, {"view_tags"}),
              ElementsAre(HasSubstr("its index was damaged, and was built anew: ")));
  EXPECT_THAT(db_->Query(why, {"view_tags"}), ElementsAre(HasSubstr("CURRENT is missing")));
  EXPECT_THAT(db_->Query(why, {"events"}),
              ElementsAre(HasSubstr("the document index was damaged, and was built anew: ")));
  EXPECT_THAT(db_->Query("SELECT state FROM sv_status WHERE name = 'events'"),
              ElementsAre("'live'"));
  Reopen();
  EXPECT_EQ(db_->Query("SELECT key, value, doc_id, seq FROM view_tags"), answers_[0]);
  EXPECT_EQ(Told(), "NULL");
}

// While the log is open: a table that goes is noticed when it is opened, and a block when it is
// read.
TEST_F(DerivedDamageTest, OfAnotherTimeAViewOfAnotherDefinitionIsMadeAnew) {
  const auto create = [this](const std::string& path) {
    db_->Run("CREATE VIRTUAL TABLE again USING sv_view(log = events, emit = '" + path + "')");
    db_->Run("SELECT count(*) FROM again; INSERT INTO again(again) VALUES ('flush')");
    return db_->Query("SELECT key, doc_id FROM again");
  };
  db_ = Connect();
  const Lines before = create("$.location");
  db_->Close();
  fs::copy(derived(), dir_ / "earlier", fs::copy_options::recursive);
  db_ = Connect();
  db_->Run("DROP TABLE again");
  const Lines now = create("$.tags[*]");
  ASSERT_NE(now, before);
  db_->Close();
  fs::remove_all(derived());
  fs::copy(dir_ / "earlier", derived(), fs::copy_options::recursive);
  db_ = Connect();
  EXPECT_EQ(db_->Query("SELECT key, doc_id FROM again"), now);
  EXPECT_THAT(db_->Query("SELECT last_error FROM sv_status WHERE name = 'again'"),
              ElementsAre(HasSubstr("another definition")));
}

TEST_F(DerivedDamageTest, DamageThatIsMetInTheMiddleOfAStatementSaysToRunItAgain) {
  for (const std::string& name : Files()) {
    if (!name.ends_with(".sst")) continue;
    if (ReadBytes(derived() / name).find("mrview-view_tags") == std::string::npos) continue;
    const size_t size = fs::file_size(derived() / name);
    ChangeByte(derived() / name, size / 2);
  }
  db_ = Connect();
  {
    Statement statement(*db_, "SELECT doc_id FROM view_tags");
    int rows = 0;
    try {
      while (statement.Step()) ++rows;
      ADD_FAILURE() << "the damage was not met";
    } catch (const SqlError& error) {
      EXPECT_EQ(error.code(), SQLITE_BUSY);
      EXPECT_THAT(error.what(), HasSubstr("built anew from the log: try again"));
    }
    EXPECT_GT(rows, 0);
  }
  EXPECT_EQ(db_->Query(kQuestions[0]), answers_[0]);
}

}  // namespace
}  // namespace streamview::testing
