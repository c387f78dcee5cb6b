// Differential: the shapes in which applications read a view, joins and sub-queries among them,
// give what they give of an ordinary table with the same rows.

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

// Each with TABLE in place of the table; the parameters are two keys, a document and a number.
const std::vector<std::string> kShapes = {
    "SELECT count(*) FROM TABLE a JOIN TABLE b ON b.key = ?2 AND b.doc_id = a.doc_id"
    " WHERE a.key = ?1",
    "SELECT a.doc_id, a.value, b.value FROM TABLE a JOIN TABLE b ON b.key = ?2"
    " AND b.doc_id = a.doc_id WHERE a.key = ?1 ORDER BY a.doc_id, b.value",
    "SELECT a.doc_id FROM TABLE a JOIN TABLE b ON b.key = ?2 AND b.doc_id = a.doc_id"
    " WHERE a.key = ?1 AND a.doc_id > ?3 ORDER BY a.doc_id DESC",
    "SELECT a.doc_id, count(*) FROM TABLE a CROSS JOIN TABLE b USING (doc_id) CROSS JOIN TABLE c"
    " USING (doc_id) WHERE a.key = ?1 AND b.key = ?2 AND c.key = 'c' GROUP BY a.doc_id ORDER BY 1",
    "SELECT p.key, t.value FROM put p LEFT JOIN TABLE t ON t.key = ?1 AND t.doc_id = p.key"
    " ORDER BY p.key, t.value",
    "SELECT p.key, t.key FROM put p CROSS JOIN TABLE t ON t.key = ?2 AND t.doc_id = p.key"
    " ORDER BY p.key DESC",
    "SELECT k.key, EXISTS (SELECT 1 FROM TABLE WHERE key = k.key AND doc_id = ?3) FROM keys k"
    " ORDER BY k.key",
    "SELECT k.key, (SELECT max(doc_id) FROM TABLE WHERE key = k.key),"
    " (SELECT min(doc_id) FROM TABLE WHERE key = k.key),"
    " (SELECT count(*) FROM TABLE WHERE key = k.key) FROM keys k ORDER BY k.key DESC",
    "SELECT key, count(*) FROM TABLE GROUP BY key ORDER BY key",
    "SELECT count(*) FROM TABLE",
    "SELECT count(*) FROM TABLE WHERE key = ?1",
    "SELECT count(DISTINCT rowid) = count(*) FROM view WHERE key = ?1 OR key = ?2",
    "SELECT count(*) FROM TABLE WHERE key = ?1 OR key = ?2",
    "SELECT doc_id FROM TABLE WHERE key = ?1 ORDER BY doc_id DESC LIMIT ?4",
    "SELECT doc_id FROM TABLE WHERE key = ?1 ORDER BY doc_id LIMIT ?4 OFFSET ?4",
    "SELECT doc_id FROM TABLE WHERE key = ?1 ORDER BY doc_id DESC LIMIT ?4 OFFSET ?4",
    "SELECT doc_id FROM TABLE WHERE key = ?1 AND doc_id > ?3 ORDER BY doc_id LIMIT ?4",
    "SELECT key, doc_id FROM TABLE WHERE key IN (SELECT key FROM keys) ORDER BY key, doc_id",
    "SELECT doc_id FROM TABLE WHERE key = ?1 AND doc_id IN (SELECT key FROM put) ORDER BY doc_id",
    "SELECT count(*) FROM TABLE WHERE key = ?2 AND doc_id IN (SELECT key FROM put)",
    "SELECT key, doc_id FROM TABLE WHERE key BETWEEN ?1 AND ?2 ORDER BY key, doc_id LIMIT ?4",
    "SELECT key, doc_id FROM TABLE WHERE key <= ?2 ORDER BY key DESC, doc_id DESC LIMIT ?4",
    "SELECT min(key), max(key) FROM TABLE",
    "SELECT key, doc_id FROM TABLE ORDER BY key, doc_id LIMIT 5 OFFSET 7 * ?4",
    "SELECT doc_id FROM TABLE WHERE key = ?1 ORDER BY doc_id LIMIT 5 OFFSET 3 * ?4",
    "SELECT DISTINCT key FROM TABLE ORDER BY key DESC",
};

std::string On(std::string shape, const std::string& table) {
  for (size_t at; (at = shape.find("TABLE")) != std::string::npos;) shape.replace(at, 5, table);
  return shape;
}

class LookUpsTest : public DatabaseTest {
 protected:
  LookUpsTest() {
    CreateLog();
    db_->Run(
        "CREATE VIRTUAL TABLE view USING sv_view(log = events, emit = '$.tags[*]', "
        "value = '$.n')");
    db_->Run("CREATE TABLE put(key TEXT PRIMARY KEY, value)");
    db_->Run("CREATE TABLE keys(key TEXT PRIMARY KEY)");
    db_->Run("INSERT INTO keys VALUES ('a'), ('aa'), ('b'), ('c'), ('none'), ('z')");
    db_->Run(
        "CREATE VIEW plain AS SELECT tag.value AS key, put.key AS doc_id, "
        "put.value ->> '$.n' AS value FROM put, json_each(put.value, '$.tags') AS tag");
  }

  std::string RandomKey() {
    return random_.Pick(std::vector<std::string>{"a", "aa", "b", "c", "z", "none"});
  }
  std::string RandomDocument() { return "d" + std::to_string(random_.Below(200)); }

  // A document that is put, again mostly, or deleted: in the log and in the table.
  void Change() {
    const std::string key = RandomDocument();
    if (random_.OneIn(6)) {
      db_->Run("INSERT INTO events(key, value) VALUES (?1, NULL)", {key});
      return db_->Run("DELETE FROM put WHERE key = ?1", {key});
    }
    std::string tags;
    for (const char* tag : {"a", "aa", "b", "c", "z"}) {
      if (random_.OneIn(2)) tags += (tags.empty() ? "\"" : ",\"") + std::string(tag) + "\"";
    }
    const std::string value =
        "{\"n\":" + std::to_string(random_.Below(9)) + ",\"tags\":[" + tags + "]}";
    db_->Run("INSERT INTO events(key, value) VALUES (?1, ?2)", {key, value});
    db_->Run("INSERT OR REPLACE INTO put VALUES (?1, ?2)", {key, value});
  }

  void Compare() {
    for (const std::string& shape : kShapes) {
      Params params = {RandomKey(), RandomKey(), RandomDocument(), random_.Below(30)};
      size_t used = 0;
      for (size_t i = 1; i <= params.size(); i++) {
        if (shape.find("?" + std::to_string(i)) != std::string::npos) used = i;
      }
      params.resize(used);
      const Lines expected = db_->Query(On(shape, "plain"), params);
      // What one statement finds the next one may know.
      for (int times = 1 + random_.Below(3); times > 0; times--) {
        EXPECT_EQ(db_->Query(On(shape, "view"), params), expected) << shape;
      }
      rows_ += expected.size();
    }
  }

  Random random_{TestSeed()};
  size_t rows_ = 0;
};

TEST_F(LookUpsTest, AnswersAreThoseOfAnOrdinaryTable) {
  for (int round = 0; round < 12 && !HasFailure(); round++) {
    const bool in_transaction = random_.OneIn(2);
    if (in_transaction) db_->Run("BEGIN");
    for (int i = random_.Below(100); i >= 0; i--) Change();
    Compare();
    if (in_transaction) db_->Run(random_.OneIn(3) ? "ROLLBACK" : "COMMIT");
    if (random_.OneIn(4)) db_->Run("INSERT INTO view(view) VALUES ('rebuild')");
    if (random_.OneIn(4)) db_->Run("INSERT INTO view(view) VALUES ('optimize')");
    if (random_.OneIn(5)) Reopen();
    if (in_transaction) Compare();
  }
  EXPECT_GT(rows_, 1000u);
}

// While a join goes on, others write, remove what is superseded, build the view anew, and drop it.
TEST_F(LookUpsTest, AStatementThatRunsStaysWithItsState) {
  db_->Run("PRAGMA journal_mode = WAL");
  db_->Run("BEGIN");
  for (int i = 0; i < 600; i++) Change();
  db_->Run("COMMIT");
  const std::string join =
      "SELECT p.key, t.value FROM put p CROSS JOIN view t ON t.key = 'a' AND t.doc_id = p.key"
      " ORDER BY p.key";
  const Lines expected = db_->Query(join);
  ASSERT_GT(expected.size(), 10u);
  Lines rows;
  {
    Statement running(*db_, join);
    ASSERT_TRUE(running.Step());
    rows.push_back(ToLine(running.row()));
    const std::unique_ptr<Database> other = Connect();
    for (int i = 0; i < 200; i++) {
      other->Run("INSERT INTO events(key, value) VALUES (?1, ?2)",
                 {"d" + std::to_string(i), R"({"n": 77, "tags": ["a", "b"]})"});
    }
    EXPECT_EQ(other->Integer("SELECT count(*) FROM view WHERE key = 'a'"), 200);
    other->Run("INSERT INTO view(view) VALUES ('optimize')");
    ASSERT_TRUE(running.Step());
    rows.push_back(ToLine(running.row()));
    other->Run("INSERT INTO view(view) VALUES ('rebuild')");
    ASSERT_TRUE(running.Step());
    rows.push_back(ToLine(running.row()));
    EXPECT_EQ(other->Integer("SELECT count(*) FROM view WHERE value = 77"), 400);
    other->Run("DROP TABLE view");
    while (running.Step()) rows.push_back(ToLine(running.row()));
  }
  EXPECT_EQ(rows, expected);
}

}  // namespace
}  // namespace streamview::testing
