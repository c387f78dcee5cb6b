// The lazily merged index through SQL: what is superseded never shows and goes in the end; rebuild,
// optimize, integrity-check.

#include <set>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LazyIndexTest : public DatabaseTest {
 protected:
  LazyIndexTest() { CreateLogAndView(); }

  int64_t Status(const std::string& column) {
    return db_->Integer("SELECT " + column + " FROM sv_status WHERE name = 'view_tags'");
  }
  void Command(const std::string& command) {
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('" + command + "')");
  }
  // Four documents of three tags each.
  void AppendAssets() {
    for (const std::string name : {"cat", "dog", "fox", "owl"}) {
      Append("asset/" + name, R"({"tags":["animal","soft",")" + name + "\"]}");
    }
    db_->Run("SELECT sv_wait(sv_seq())");
  }
};

// mokuroku's own example of its lazy index: 12 entries, 16 after two updates, 12 after a full read.
TEST_F(LazyIndexTest, SupersededEntriesStayUntilAReaderMeetsThem) {
  AppendAssets();
  EXPECT_EQ(Status("entries"), 12);
  Append("asset/cat", R"({"tags":["animal","black","tail"]})");
  Append("asset/dog", R"({"tags":["animal","brown","bark"]})");
  db_->Run("SELECT sv_wait(sv_seq())");
  EXPECT_EQ(Status("entries"), 16);
  EXPECT_EQ(Status("superseded"), 0);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 12);
  EXPECT_TRUE(db_->Eventually("SELECT entries, superseded FROM sv_status WHERE name = 'view_tags'",
                              {"12|4"}));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 12);
}

TEST_F(LazyIndexTest, OptimizeRemovesAllThatIsSuperseded) {
  AppendAssets();
  for (const std::string name : {"cat", "dog", "fox"}) Append("asset/" + name, kNull);
  Append("asset/owl", R"({"tags":[]})");
  Command("optimize");
  EXPECT_EQ(Status("entries"), 0);
  EXPECT_THAT(db_->Query("SELECT * FROM view_tags"), IsEmpty());
}

// Not even the state that readers share may hold on to what was removed.
TEST_F(LazyIndexTest, OptimizeFreesTheSpaceThoughNothingIsAppendedAfterwards) {
  db_->Run("CREATE VIRTUAL TABLE other USING sv_view(log = events, emit = '$.none')");
  db_->Run(
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
      "INSERT INTO events(key, value) SELECT i, json_object('tags', "
      "json_array(hex(randomblob(16)))) "
      "FROM n; SELECT sv_wait(sv_seq())");
  Command("optimize");
  const int64_t full = Status("bytes");
  db_->Run("INSERT INTO events(key, value) SELECT key, NULL FROM events; SELECT sv_wait(sv_seq())");
  Command("optimize");
  Command("optimize");
  EXPECT_EQ(Status("entries"), 0);
  EXPECT_LT(Status("bytes"), full / 10);
}

TEST_F(LazyIndexTest, OptimizeKeepsWhatCounts) {
  AppendAssets();
  Append("asset/cat", R"({"tags":["soft"]})");
  const Lines before = db_->Query("SELECT key, doc_id FROM view_tags");
  Command("optimize");
  EXPECT_EQ(db_->Query("SELECT key, doc_id FROM view_tags"), before);
  EXPECT_EQ(Status("entries"), static_cast<int64_t>(before.size()));
}

TEST_F(LazyIndexTest, IntegrityCheckFindsNothingToSayOfSoundTables) {
  AppendAssets();
  Append("asset/cat", R"({"tags":["soft"]})");
  Append("asset/dog", kNull);
  Append(kNull, R"({"tags":["event"]})");
  Append("broken", "no json");
  Command("integrity-check");
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
  Command("optimize");
  Command("rebuild");
  Command("integrity-check");
  Reopen();
  Command("integrity-check");
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

TEST_F(LazyIndexTest, ARebuildOfAnEmptyLogEnds) {
  Command("rebuild");
  EXPECT_TRUE(db_->Eventually("SELECT state, seq, entries FROM sv_status WHERE name = 'view_tags'",
                              {"'live'|0|0"}));
  AppendAssets();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 12);
}

TEST_F(LazyIndexTest, AViewAnswersWhileItIsRebuilt) {
  db_->Run("BEGIN");
  for (int i = 0; i < 5000; ++i) {
    Append("doc" + std::to_string(i % 2000), R"({"tags":["t)" + std::to_string(i) + "\"]}");
  }
  db_->Run("COMMIT");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 2000);
  Command("rebuild");
  for (int i = 0; i < 50; ++i) {
    Append("doc" + std::to_string(i), R"({"tags":["new"]})");
    ASSERT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'new'"), i + 1);
    ASSERT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 2000);
  }
  Command("integrity-check");
}

TEST_F(LazyIndexTest, TheSameDefinitionAgainAdoptsTheIndex) {
  AppendAssets();
  const Lines id = db_->Query("SELECT value FROM events_config WHERE key = 'view.view_tags'");
  db_->Run("BEGIN; DROP TABLE view_tags");
  CreateView("view_tags");
  db_->Run("COMMIT");
  EXPECT_EQ(db_->Query("SELECT value FROM events_config WHERE key = 'view.view_tags'"), id);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 12);
  db_->Run("BEGIN; DROP TABLE view_tags");
  CreateView("view_tags", kTagsMap + " WHERE tag.value <> 'soft'");
  db_->Run("COMMIT");
  EXPECT_NE(db_->Query("SELECT value FROM events_config WHERE key = 'view.view_tags'"), id);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 8);
}

// A document is in one version or another at each moment, however far the view is.
TEST_F(LazyIndexTest, ALaggingViewShowsEachDocumentOnce) {
  constexpr int kDocuments = 20;
  for (int i = 0; i < kDocuments; ++i) Append(i, R"({"tags":["v0"]})");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), kDocuments);
  const auto reader = Connect();
  reader->Run("SELECT sv_consistency('eventual')");
  for (int round = 1; round < 100; ++round) {
    db_->Run("BEGIN");
    for (int i = 0; i < kDocuments; ++i) {
      Append(i, R"({"tags":["v)" + std::to_string(round) + "\"]}");
    }
    db_->Run("COMMIT");
    ASSERT_THAT(reader->Query("SELECT count(*), count(DISTINCT doc_id) FROM view_tags"),
                ElementsAre("20|20"));
  }
}

TEST_F(LazyIndexTest, AnUnknownCommandListsTheKnownOnes) {
  EXPECT_THAT(db_->Try("INSERT INTO view_tags(view_tags) VALUES ('vacuum')"),
              Fails(SQLITE_ERROR, HasSubstr("rebuild, optimize, integrity-check, flush")));
}

}  // namespace
}  // namespace streamview::testing
