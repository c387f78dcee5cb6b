// The limits of docs/reference.md: what is at one of them works, what is past it is an error that
// says which, and changes nothing.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LimitsTest : public DatabaseTest {
 protected:
  LimitsTest() { CreateLog(); }

  // A view of that map has rows for `documents`, and `message` for the document 'past'.
  void ExpectMapError(const std::string& map, const std::string& message) {
    CreateView("v", map);
    EXPECT_THAT(db_->Query("SELECT DISTINCT doc_id FROM v"), ElementsAre("'at'"));
    EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors"), ElementsAre("'past'"));
    EXPECT_THAT(db_->Query("SELECT message FROM sv_errors"), ElementsAre(HasSubstr(message)));
    db_->Run("DROP TABLE v");
  }
  static std::string Columns(int count) {
    std::string columns = "value AS c0";
    for (int i = 1; i < count; i++) columns += ", 1 AS c" + std::to_string(i);
    return columns;
  }
};

constexpr int kMaxKeyBytes = 65536;

TEST_F(LimitsTest, KeyOfADocument) {
  Append(std::string(kMaxKeyBytes, 'k'), 1);
  Append(Blob{std::string(kMaxKeyBytes, '\0')}, 1);
  const SqlValue past = std::string(kMaxKeyBytes + 1, 'k');
  const auto fails = Fails(SQLITE_CONSTRAINT, "the key has 65537 bytes; at most 65536 are allowed");
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES (?1, 1)", {past}), fails);
  EXPECT_THAT(db_->Try("SELECT sv_append('events', ?1, 1)", {past}), fails);
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  EXPECT_THAT(db_->Try("INSERT INTO docs(key, value) VALUES (?1, 1)", {past}), fails);
  EXPECT_THAT(db_->Query("SELECT value FROM docs WHERE key = ?1", {past}), IsEmpty());
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 2);
}

TEST_F(LimitsTest, ValueOfADocumentIsWhatSqliteAllows) {
  sqlite3_limit(db_->handle(), SQLITE_LIMIT_LENGTH, 1'000'000);
  Append("at", std::string(900'000, 'v'));
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('past', zeroblob(2000000))"),
              Fails(SQLITE_TOOBIG, "string or blob too big"));
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 1);
}

TEST_F(LimitsTest, KeyColumnsOfARow) {
  Append("at", kMaxKeyBytes / 2);
  Append("past", kMaxKeyBytes / 2 + 1);
  db_->Run(
      "CREATE VIRTUAL TABLE v USING sv_view(log = events, keys = 2, map = (SELECT "
      "printf('%.*c', value, 'k') AS a, printf('%.*c', 32768, 'k') AS b FROM events))");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM v"), ElementsAre("'at'"));
  EXPECT_THAT(
      db_->Query("SELECT doc_id, message FROM sv_errors"),
      ElementsAre("'past'|'the map emits a key of 65537 bytes; at most 65536 are allowed'"));
}

TEST_F(LimitsTest, RowsOfADocument) {
  Append("at", 100'000);
  Append("past", 100'001);
  ExpectMapError(
      "WITH RECURSIVE n(i) AS (SELECT 1 FROM events UNION ALL SELECT i + 1 FROM n, events WHERE i "
      "< events.value) SELECT i AS key FROM n",
      "the map emits more than 100000 rows for one entry");
}

TEST_F(LimitsTest, BytesOfTheRowsOfADocument) {
  Append("at", 60);
  Append("past", 64);
  ExpectMapError(
      "WITH RECURSIVE n(i) AS (SELECT 1 FROM events UNION ALL SELECT i + 1 FROM n, events WHERE i "
      "< events.value) SELECT i AS key, zeroblob(1048576) AS bytes FROM n",
      "the map emits more than 64 MiB for one entry");
}

TEST_F(LimitsTest, AValueThatAMapMakes) {
  constexpr int kLimit = 64 << 20;
  Append("at", kLimit);
  Append("past", kLimit + 1000);
  ExpectMapError("SELECT length(zeroblob(value)) AS key FROM events", "string or blob too big");
  // What the document itself has is no value that the map makes.
  db_->Run("INSERT INTO events(key, value) VALUES ('large', zeroblob(80000000))");
  db_->Run(
      "CREATE VIRTUAL TABLE w USING sv_view(log = events, map = (SELECT "
      "length(substr(value, 2)) AS key FROM events WHERE length(value) > 1000))");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM w"), ElementsAre("79999999|'large'"));
}

TEST_F(LimitsTest, KeyColumnsOfAView) {
  const auto create = [&](int keys) {
    return db_->Try("CREATE VIRTUAL TABLE v USING sv_view(log = events, keys = " +
                    std::to_string(keys) + ", map = (SELECT " + Columns(70) + " FROM events))");
  };
  EXPECT_THAT(create(63), Fails(SQLITE_ERROR, HasSubstr("integer from 1 to 62")));
  EXPECT_THAT(create(62), Succeeds());
  Append("a", 7);
  EXPECT_THAT(db_->Query("SELECT doc_id FROM v WHERE c0 = 7 AND c1 = 1"), ElementsAre("'a'"));
}

TEST_F(LimitsTest, ColumnsOfAView) {
  // Four are its own: doc_id, seq, doc, and that for commands.
  const auto create = [&](int columns) {
    return db_->Try("CREATE VIRTUAL TABLE v USING sv_view(log = events, map = (SELECT " +
                    Columns(columns) + " FROM events))");
  };
  EXPECT_THAT(create(1997), Fails(SQLITE_ERROR, HasSubstr("too many columns")));
  EXPECT_THAT(create(2001), Fails(SQLITE_ERROR, HasSubstr("too many columns in result set")));
  EXPECT_THAT(create(1996), Succeeds());
  Append("a", 7);
  EXPECT_THAT(db_->Query("SELECT c1995 FROM v WHERE c0 = 7"), ElementsAre("1"));
}

TEST_F(LimitsTest, LengthOfAPath) {
  const std::string longest(255, 'p');
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(path = '" + longest + "p')"),
              Fails(SQLITE_CANTOPEN, HasSubstr("File name too long")));
  db_->Run("CREATE VIRTUAL TABLE l USING sv_log(path = '" + longest + "')");
  EXPECT_TRUE(std::filesystem::exists(dir_ / longest));
}

TEST_F(LimitsTest, NestingOfADocumentInAViewByPath) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') +
           std::string(static_cast<size_t>(depth), ']');
  };
  Append("at", nested(1023));
  Append("past", nested(1025));
  db_->Run("CREATE VIRTUAL TABLE v USING sv_view(log = events, emit = '$[*]')");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM v"), ElementsAre("'at'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors"), ElementsAre("'past'"));
  EXPECT_THAT(db_->Query("SELECT message FROM sv_errors"), ElementsAre(HasSubstr("not JSON: ")));
}

// Of the process, as SQLite has it: sqlite3_hard_heap_limit64() holds for maps, too.
TEST_F(LimitsTest, MemoryOfAMap) {
  CreateView("v", "SELECT length(hex(zeroblob(value))) AS key FROM events");
  Append("at", 10);
  EXPECT_THAT(db_->Query("SELECT key FROM v"), ElementsAre("20"));
  const sqlite3_int64 before = sqlite3_hard_heap_limit64(50'000'000);
  Append("past", 30'000'000);
  EXPECT_THAT(db_->Try("SELECT key FROM v"), Fails(SQLITE_NOMEM, _));
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 2);
  sqlite3_hard_heap_limit64(before);
  EXPECT_THAT(db_->Query("SELECT key FROM v"), ElementsAre("20", "60000000"));
}

}  // namespace
}  // namespace streamview::testing
