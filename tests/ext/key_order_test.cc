// Keys of every type, against an ordinary table: the same conditions and orders must give the same
// rows.

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t k2To53 = int64_t{1} << 53;

const std::vector<SqlValue>& Values() {
  static const auto* values = new std::vector<SqlValue>{
      kNull,
      0,
      1,
      1.0,
      -1,
      1.5,
      -1.5,
      255,
      256,
      -256,
      k2To53 - 1,
      k2To53,
      static_cast<double>(k2To53),
      k2To53 + 1,
      static_cast<double>(k2To53) + 2,
      -k2To53 - 1,
      -static_cast<double>(k2To53),
      INT64_MAX,
      INT64_MAX - 1,
      9223372036854775807.0,
      INT64_MIN,
      -9223372036854775808.0,
      1e300,
      -1e300,
      5e-324,
      "",
      "a",
      "A",
      "ab",
      "a b",
      "1",
      std::string("a\0", 2),
      std::string("a\0b", 3),
      std::string("\0", 1),
      "a\xff",
      "\xc3\xa9",
      Blob{""},
      Blob{"a"},
      Blob{std::string("a\0", 2)},
      Blob{"\xff\xff"},
      Blob{std::string("\0", 1)},
  };
  return *values;
}

// `by_value` is the view under test, with the value of a document as its key; `plain` an ordinary
// table with the same rows.
class KeyOrderTest : public DatabaseTest {
 protected:
  KeyOrderTest() {
    CreateLog();
    // An event, since a document's NULL is a tombstone.
    db_->Run("CREATE TABLE plain(key, doc_id)");
    CreateView("by_value", "SELECT value AS key FROM events");
    for (const SqlValue& value : Values()) Append(kNull, value);
    // Each value once more, so that there are duplicates, in another order.
    for (auto value = Values().rbegin(); value != Values().rend(); ++value) Append(kNull, *value);
    db_->Run("INSERT INTO plain SELECT value, seq FROM events");
  }

  void ExpectSame(const std::string& condition, const Params& params) {
    for (const std::string direction : {"", " DESC"}) {
      const std::string order = " ORDER BY key" + direction + ", doc_id" + direction;
      const std::string select = "SELECT key, doc_id FROM ";
      EXPECT_EQ(db_->Query(select + "by_value WHERE " + condition + order, params),
                db_->Query(select + "plain WHERE " + condition + order, params))
          << condition << order << " with " << ToLine(params);
    }
  }
};

TEST_F(KeyOrderTest, AllRowsComeInSqlitesOrder) { ExpectSame("1", {}); }

TEST_F(KeyOrderTest, ComparisonsWithEachTypeAgree) {
  for (const SqlValue& bound : Values()) {
    for (const std::string op : {"=", "<", "<=", ">", ">=", "<>", "IS", "IS NOT"}) {
      ExpectSame("key " + op + " ?1", {bound});
    }
  }
}

TEST_F(KeyOrderTest, RangesBetweenAllTypesAgree) {
  for (const SqlValue& low : Values()) {
    for (const SqlValue& high : Values()) {
      ExpectSame("key >= ?1 AND key < ?2", {low, high});
    }
  }
}

TEST_F(KeyOrderTest, IsNullAndIsNotNullAgree) {
  ExpectSame("key IS NULL", {});
  ExpectSame("key IS NOT NULL", {});
  ExpectSame("key IS NULL AND doc_id > 3", {});
}

TEST_F(KeyOrderTest, PointsOnDocIdUnderAKeyAgree) {
  for (const SqlValue& key : Values()) {
    for (int64_t id = 1; id <= 10; ++id) {
      ExpectSame("key = ?1 AND doc_id = ?2", {key, id});
      ExpectSame("key IS ?1 AND doc_id >= ?2", {key, id});
    }
  }
}

TEST_F(KeyOrderTest, InListsAgree) {
  for (size_t i = 0; i + 2 < Values().size(); ++i) {
    ExpectSame("key IN (?1, ?2, ?3)", {Values()[i], Values()[i + 1], Values()[i + 2]});
  }
}

TEST_F(KeyOrderTest, GroupsAreSqlites) {
  EXPECT_EQ(db_->Query("SELECT count(*), sum(doc_id) FROM by_value GROUP BY key"),
            db_->Query("SELECT count(*), sum(doc_id) FROM plain GROUP BY key"));
}

TEST_F(KeyOrderTest, EqualNumbersKeepTheirTypes) {
  EXPECT_THAT(db_->Query("SELECT typeof(key), key FROM by_value WHERE key = 1 ORDER BY doc_id"),
              ElementsAre("'integer'|1", "'real'|1.0", "'real'|1.0", "'integer'|1"));
}

TEST_F(KeyOrderTest, ZeroEmptyAndNullAreDifferentKeys) {
  EXPECT_THAT(db_->Query("SELECT DISTINCT key FROM by_value WHERE key = ''"), ElementsAre("''"));
  EXPECT_THAT(db_->Query("SELECT DISTINCT typeof(key) FROM by_value WHERE key IS NULL"),
              ElementsAre("'null'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM by_value WHERE key = 0"), 2);
  EXPECT_THAT(db_->Query("SELECT 1 FROM by_value WHERE key = NULL"), IsEmpty());
}

TEST_F(KeyOrderTest, NegativeZeroIsZero) {
  Append(kNull, -0.0);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM by_value WHERE key = 0 AND typeof(key) = 'real'"),
            1);
}

// Document ids are keys as well: of every type, and ordered alike.
TEST_F(KeyOrderTest, DocumentIdsOfEveryTypeAreOrderedAlike) {
  db_->Run(
      "CREATE VIRTUAL TABLE documents USING sv_log;"
      "CREATE VIRTUAL TABLE by_type USING sv_view("
      "log = documents, map = (SELECT 'all' AS key FROM documents WHERE key IS NOT NULL));"
      "CREATE TABLE ids(id)");
  for (size_t i = 0; i < Values().size(); ++i) {
    const SqlValue& id = Values()[i];
    db_->Append("documents", id, "v");
    db_->Run("DELETE FROM ids WHERE id = ?1", {id});
    if (id != kNull) db_->Run("INSERT INTO ids VALUES (?1)", {id});
  }
  EXPECT_EQ(db_->Query("SELECT doc_id FROM by_type WHERE key = 'all' ORDER BY doc_id"),
            db_->Query("SELECT id FROM ids ORDER BY id"));
  for (const SqlValue& bound : Values()) {
    EXPECT_EQ(db_->Query("SELECT doc_id FROM by_type WHERE key = 'all' AND doc_id > ?1 "
                         "ORDER BY doc_id DESC",
                         {bound}),
              db_->Query("SELECT id FROM ids WHERE id > ?1 ORDER BY id DESC", {bound}));
  }
}

}  // namespace
}  // namespace streamview::testing
