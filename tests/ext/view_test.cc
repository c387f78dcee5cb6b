// Views: what a map's emissions look like when they are read.

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ViewTest : public DatabaseTest {
 protected:
  ViewTest() { CreateLogAndView(); }

  Lines Documents(const std::string& tag) {
    return db_->Query("SELECT doc_id FROM view_tags WHERE key = ?", {tag});
  }
};

TEST_F(ViewTest, TheDesignsExampleWorks) {
  Append("asset/blackcat", R"({"location":"hawaii","tags":["cat","black","tail"]})");
  EXPECT_THAT(db_->Query("SELECT doc_id, value FROM view_tags WHERE key = 'cat'"),
              ElementsAre("'asset/blackcat'|'hawaii'"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'black'", "'cat'", "'tail'"));
}

TEST_F(ViewTest, AnEmptyLogGivesAnEmptyView) {
  EXPECT_THAT(db_->Query("SELECT * FROM view_tags"), IsEmpty());
  EXPECT_THAT(Documents("cat"), IsEmpty());
}

TEST_F(ViewTest, AMapThatEmitsNothingGivesAnEmptyView) {
  CreateView("empty", "SELECT key AS key, value AS value FROM events WHERE 0");
  Append("a", "{}");
  EXPECT_THAT(db_->Query("SELECT * FROM empty"), IsEmpty());
  EXPECT_EQ(db_->Integer("SELECT sv_wait(1, 'empty')"), 1);
}

TEST_F(ViewTest, ColumnsAreTheMapsThenDocIdThenSeq) {
  CreateView("three", "SELECT key AS a, value AS b, 7 AS c FROM events");
  Append("x", "y");
  EXPECT_THAT(db_->Query("SELECT name FROM pragma_table_info('three')"),
              ElementsAre("'a'", "'b'", "'c'", "'doc_id'", "'seq'"));
  EXPECT_THAT(db_->Query("SELECT * FROM three"), ElementsAre("'x'|'y'|7|'x'|1"));
}

TEST_F(ViewTest, TheShorthandGivesKeyAndValue) {
  db_->Run(
      "CREATE VIRTUAL TABLE by_path USING sv_view("
      "log = events, emit = '$.tags[*]', value = '$.location')");
  Append("a", R"({"location":"oahu","tags":["cat","dog"]})");
  EXPECT_THAT(db_->Query("SELECT name FROM pragma_table_info('by_path')"),
              ElementsAre("'key'", "'value'", "'doc_id'", "'seq'"));
  EXPECT_THAT(db_->Query("SELECT * FROM by_path"),
              ElementsAre("'cat'|'oahu'|'a'|1", "'dog'|'oahu'|'a'|1"));
}

TEST_F(ViewTest, TheShorthandWithoutValueGivesNull) {
  db_->Run("CREATE VIRTUAL TABLE by_path USING sv_view(log = events, emit = '$.location')");
  Append("a", R"({"location":"oahu"})");
  EXPECT_THAT(db_->Query("SELECT key, value FROM by_path"), ElementsAre("'oahu'|NULL"));
}

TEST_F(ViewTest, TheHiddenColumnDocIsTheDocument) {
  Append("a", R"({"tags":["cat"],"location":"oahu"})");
  EXPECT_THAT(db_->Query("SELECT doc FROM view_tags WHERE key = 'cat'"),
              ElementsAre(R"('{"tags":["cat"],"location":"oahu"}')"));
}

TEST_F(ViewTest, TheDocumentOfARowIsItsOwnVersion) {
  Append("a", R"({"tags":["cat"],"n":1})");
  Append("b", R"({"tags":["cat"],"n":2})");
  Append("a", R"({"tags":["cat"],"n":3})");
  EXPECT_THAT(db_->Query("SELECT doc_id, doc ->> '$.n' FROM view_tags WHERE key = 'cat'"),
              ElementsAre("'a'|3", "'b'|2"));
}

TEST_F(ViewTest, OneDocumentMayEmitManyRows) {
  Append("a", R"({"tags":["x","y","z","w"]})");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 4);
}

TEST_F(ViewTest, TheSameKeyEmittedTwiceByOneDocumentIsTwoRows) {
  CreateView("by_place",
             "SELECT place.value ->> 0 AS key, place.value ->> 1 AS value "
             "FROM events, json_each(events.value) AS place");
  Append("a", R"([["x","second"],["x","first"]])");
  EXPECT_THAT(db_->Query("SELECT value FROM by_place WHERE key = 'x'"),
              ElementsAre("'second'", "'first'"));
  EXPECT_THAT(db_->Query("SELECT value FROM by_place ORDER BY key DESC"),
              ElementsAre("'first'", "'second'"));
}

TEST_F(ViewTest, DuplicatesOfAKeyAreOrderedByDocument) {
  for (const std::string key : {"m", "c", "z", "a"}) Append(key, R"({"tags":["cat"]})");
  EXPECT_THAT(Documents("cat"), ElementsAre("'a'", "'c'", "'m'", "'z'"));
}

TEST_F(ViewTest, DescendingIsTheExactReverse) {
  for (const std::string key : {"m", "c", "z"}) {
    Append(key, R"({"tags":["cat","dog","cat","ant"]})");
  }
  Lines up = db_->Query("SELECT * FROM view_tags ORDER BY key");
  const Lines down = db_->Query("SELECT * FROM view_tags ORDER BY key DESC");
  std::reverse(up.begin(), up.end());
  EXPECT_EQ(up.size(), 12u);
  EXPECT_EQ(up, down);
}

TEST_F(ViewTest, ANewVersionReplacesTheOld) {
  Append("a", R"({"tags":["cat","black"],"location":"oahu"})");
  Append("a", R"({"tags":["cat","white"],"location":"maui"})");
  EXPECT_THAT(db_->Query("SELECT * FROM view_tags"),
              ElementsAre("'cat'|'maui'|'a'|2", "'white'|'maui'|'a'|2"));
}

TEST_F(ViewTest, AChangeOfTheValueOnlyIsSeen) {
  Append("a", R"({"tags":["cat"],"location":"oahu"})");
  EXPECT_THAT(db_->Query("SELECT value, seq FROM view_tags"), ElementsAre("'oahu'|1"));
  Append("a", R"({"tags":["cat"],"location":"maui"})");
  EXPECT_THAT(db_->Query("SELECT value, seq FROM view_tags"), ElementsAre("'maui'|2"));
}

TEST_F(ViewTest, ANewVersionMayEmitFewerRowsOfTheSameKey) {
  Append("a", R"({"tags":["cat","cat","cat"]})");
  EXPECT_EQ(Documents("cat").size(), 3u);
  Append("a", R"({"tags":["cat"]})");
  EXPECT_EQ(Documents("cat").size(), 1u);
}

TEST_F(ViewTest, ATombstoneRemovesTheDocument) {
  Append("a", R"({"tags":["cat"]})");
  Append("b", R"({"tags":["cat"]})");
  EXPECT_THAT(Documents("cat"), ElementsAre("'a'", "'b'"));
  Append("a", kNull);
  EXPECT_THAT(Documents("cat"), ElementsAre("'b'"));
}

TEST_F(ViewTest, ADeletedDocumentMayComeBack) {
  Append("a", R"({"tags":["cat"]})");
  Append("a", kNull);
  Append("a", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Query("SELECT doc_id, seq FROM view_tags WHERE key = 'cat'"),
              ElementsAre("'a'|3"));
}

TEST_F(ViewTest, ATombstoneOfAnUnknownDocumentIsHarmless) {
  Append("nobody", kNull);
  Append("a", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

// PouchDB's test of successive edits: every state is seen, deletes and undeletes included.
TEST_F(ViewTest, ThirteenSuccessiveEditsAreEachSeen) {
  const std::vector<std::string> tags = {"a", "b", "",  "c", "c", "d", "",
                                         "",  "e", "a", "",  "f", "g"};
  for (const std::string& tag : tags) {
    if (tag.empty()) {
      Append("doc", kNull);
      EXPECT_THAT(db_->Query("SELECT * FROM view_tags"), IsEmpty());
    } else {
      const int64_t seq = Append("doc", R"({"tags":[")" + tag + R"("]})");
      EXPECT_THAT(db_->Query("SELECT key, doc_id, seq FROM view_tags"),
                  ElementsAre(ToLine({tag, "doc", seq})));
    }
  }
}

TEST_F(ViewTest, EventsWithoutKeyAreNeverSuperseded) {
  Append(kNull, R"({"tags":["cat"]})");
  Append(kNull, R"({"tags":["cat"]})");
  Append(kNull, R"({"tags":["cat"]})");
  EXPECT_THAT(Documents("cat"), ElementsAre("1", "2", "3"));
}

TEST_F(ViewTest, AnEventAndADocumentWithTheSameIdAreTwo) {
  Append(kNull, R"({"tags":["cat"],"location":"event"})");
  Append(1, R"({"tags":["cat"],"location":"document"})");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("1", "1"));
  EXPECT_THAT(db_->Query("SELECT value FROM view_tags ORDER BY value"),
              ElementsAre("'document'", "'event'"));
}

TEST_F(ViewTest, ADocumentIsFoundUnderAKey) {
  for (const std::string key : {"a", "b", "c"}) Append(key, R"({"tags":["cat","dog"]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags WHERE key = 'dog' AND doc_id = 'b'"),
              ElementsAre("'dog'|'b'"));
  EXPECT_THAT(db_->Query("SELECT 1 FROM view_tags WHERE key = 'dog' AND doc_id = 'x'"), IsEmpty());
}

TEST_F(ViewTest, DocumentsCarryingBothTagsAreFoundByAJoin) {
  Append("a", R"({"tags":["cat","black"]})");
  Append("b", R"({"tags":["cat"]})");
  Append("c", R"({"tags":["black","cat"]})");
  EXPECT_THAT(db_->Query("SELECT x.doc_id FROM view_tags x JOIN view_tags y USING (doc_id) "
                         "WHERE x.key = 'cat' AND y.key = 'black'"),
              ElementsAre("'a'", "'c'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat' INTERSECT "
                         "SELECT doc_id FROM view_tags WHERE key = 'black'"),
              ElementsAre("'a'", "'c'"));
}

TEST_F(ViewTest, AnInListFindsEachOfItsKeys) {
  Append("a", R"({"tags":["cat","dog","emu"]})");
  Append("b", R"({"tags":["dog"]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags WHERE key IN ('emu', 'dog', 'x') "
                         "ORDER BY key, doc_id"),
              ElementsAre("'dog'|'a'", "'dog'|'b'", "'emu'|'a'"));
}

TEST_F(ViewTest, CountsPerKeyAreRight) {
  Append("a", R"({"tags":["cat","dog"]})");
  Append("b", R"({"tags":["dog"]})");
  EXPECT_THAT(db_->Query("SELECT key, count(*) FROM view_tags GROUP BY key"),
              ElementsAre("'cat'|1", "'dog'|2"));
  EXPECT_THAT(db_->Query("SELECT DISTINCT key FROM view_tags ORDER BY key DESC"),
              ElementsAre("'dog'", "'cat'"));
}

TEST_F(ViewTest, LimitAndOffsetCountInEitherDirection) {
  Append("a", R"({"tags":["a","b","c","d","e"]})");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags ORDER BY key LIMIT 2 OFFSET 1"),
              ElementsAre("'b'", "'c'"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags WHERE key < 'e' ORDER BY key DESC LIMIT 2"),
              ElementsAre("'d'", "'c'"));
}

TEST_F(ViewTest, KeysBeginningWithAPrefixAreFound) {
  Append("a", R"({"tags":["ca","cat","cb","catty","b","d"]})");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags WHERE key GLOB 'ca*' ORDER BY key"),
              ElementsAre("'ca'", "'cat'", "'catty'"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags WHERE key LIKE 'CA%' ORDER BY key"),
              ElementsAre("'ca'", "'cat'", "'catty'"));
}

TEST_F(ViewTest, AnotherCollationIsFilteredRight) {
  Append("a", R"({"tags":["Cat","cat","CAT","dog"]})");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags WHERE key = 'cAt' COLLATE NOCASE"),
              ElementsAre("'CAT'", "'Cat'", "'cat'"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags WHERE key >= 'D' COLLATE NOCASE ORDER BY key"),
              ElementsAre("'dog'"));
}

TEST_F(ViewTest, ConditionsOnOtherColumnsAreFiltered) {
  Append("a", R"({"tags":["cat"],"location":"oahu"})");
  Append("b", R"({"tags":["cat"],"location":"maui"})");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE value = 'maui'"), ElementsAre("'b'"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags WHERE doc_id = 'b'"), ElementsAre("'cat'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE seq = 1"), ElementsAre("'a'"));
}

TEST_F(ViewTest, OrderByKeyNeedsNoSorter) {
  const std::string select = "SELECT * FROM view_tags ";
  for (const std::string rest :
       {"ORDER BY key", "ORDER BY key DESC", "WHERE key > 'a' ORDER BY key DESC",
        "ORDER BY key, doc_id", "WHERE key = 'cat' ORDER BY doc_id",
        "WHERE key = 'cat' ORDER BY doc_id DESC"}) {
    EXPECT_THAT(db_->Plan(select + rest), Not(HasSubstr("ORDER BY"))) << rest;
  }
  EXPECT_THAT(db_->Plan(select + "ORDER BY key, doc_id DESC"), HasSubstr("ORDER BY"));
  EXPECT_THAT(db_->Plan(select + "ORDER BY value"), HasSubstr("ORDER BY"));
}

TEST_F(ViewTest, ConditionsOnTheKeyHavePlansOfTheirOwn) {
  const std::string all = db_->Plan("SELECT * FROM view_tags");
  const std::string point = db_->Plan("SELECT * FROM view_tags WHERE key = 'cat'");
  EXPECT_NE(point, all);
  EXPECT_NE(db_->Plan("SELECT * FROM view_tags WHERE key > 'cat'"), all);
  EXPECT_NE(db_->Plan("SELECT * FROM view_tags WHERE key < 'cat'"), all);
  EXPECT_NE(db_->Plan("SELECT * FROM view_tags WHERE key = 'cat' AND doc_id = 'a'"), point);
}

TEST_F(ViewTest, ViewsAreReadOnly) {
  Append("a", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Try("UPDATE view_tags SET value = 1"), Fails(_, HasSubstr("view_tags")));
  EXPECT_THAT(db_->Try("DELETE FROM view_tags"), Fails(_, HasSubstr("view_tags")));
  EXPECT_THAT(db_->Try("INSERT INTO view_tags(key, value) VALUES ('a', 1)"),
              Fails(_, HasSubstr("view_tags")));
  EXPECT_THAT(Documents("cat"), ElementsAre("'a'"));
}

TEST_F(ViewTest, RebuildKeepsTheAnswers) {
  Append("a", R"({"tags":["cat","dog"]})");
  Append("b", R"({"tags":["cat"]})");
  Append("a", R"({"tags":["cat","emu"]})");
  const Lines before = db_->Query("SELECT * FROM view_tags");
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
  EXPECT_EQ(db_->Query("SELECT * FROM view_tags"), before);
  Append("c", R"({"tags":["cat"]})");
  EXPECT_THAT(Documents("cat"), ElementsAre("'a'", "'b'", "'c'"));
}

TEST_F(ViewTest, RebuildOfAnEmptyViewEnds) {
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
  EXPECT_TRUE(
      db_->Eventually("SELECT state, lag FROM sv_status WHERE name = 'view_tags'", {"'live'|0"}));
}

TEST_F(ViewTest, FlushKeepsTheAnswers) {
  Append("a", R"({"tags":["cat"]})");
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('flush')");
  EXPECT_THAT(Documents("cat"), ElementsAre("'a'"));
  db_->Run("INSERT INTO events(events) VALUES ('flush')");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
}

TEST_F(ViewTest, FlushWhileARebuildEndsIsHarmless) {
  Append("a", R"({"tags":["cat"]})");
  for (int i = 0; i < 60; ++i) {
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('flush')");
    ASSERT_THAT(Documents("cat"), ElementsAre("'a'"));
  }
}

TEST_F(ViewTest, StatusSaysWhereAViewIs) {
  Append("a", R"({"tags":["cat"]})");
  db_->Run("SELECT sv_wait(1)");
  EXPECT_TRUE(db_->Eventually(
      "SELECT kind, state, seq, head, lag, errors FROM sv_status WHERE name = 'view_tags'",
      {"'view'|'live'|1|1|0|0"}));
}

TEST_F(ViewTest, ManyViewsFollowOneLog) {
  for (int i = 0; i < 20; ++i) {
    CreateView("view_" + std::to_string(i),
               "SELECT value ->> '$.n' AS key, " + std::to_string(i) + " AS value FROM events");
  }
  Append("a", R"({"n":1,"tags":[]})");
  db_->Run("SELECT sv_wait(sv_seq())");
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(db_->Query("SELECT key, value FROM view_" + std::to_string(i)),
                ElementsAre("1|" + std::to_string(i)));
  }
}

TEST_F(ViewTest, AViewOnAFilledLogHoldsAllOfIt) {
  for (int i = 0; i < 50; ++i) Append(i, R"({"tags":["cat"]})");
  CreateView("late");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM late WHERE key = 'cat'"), 50);
}

TEST_F(ViewTest, AMapMayUseTimeAndSeq) {
  CreateView("by_seq", "SELECT seq AS key, time AS value FROM events");
  Append("a", "{}");
  Append("b", "{}");
  EXPECT_EQ(db_->Query("SELECT key, value FROM by_seq"),
            db_->Query("SELECT seq, time FROM events"));
}

TEST_F(ViewTest, AMapMayAggregateOverItsOwnDocument) {
  CreateView("sizes",
             "SELECT count(*) AS key, max(tag.value) AS value "
             "FROM events, json_each(events.value, '$.tags') AS tag GROUP BY events.seq");
  Append("a", R"({"tags":["x","z","y"]})");
  Append("b", R"({"tags":["x"]})");
  EXPECT_THAT(db_->Query("SELECT key, value, doc_id FROM sizes"),
              ElementsAre("1|'x'|'b'", "3|'z'|'a'"));
}

TEST_F(ViewTest, AMapMayUseSubqueriesAndCommonTableExpressions) {
  CreateView(
      "counted",
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3), "
      "tags AS (SELECT tag.value AS t FROM events, json_each(events.value, '$.tags') AS tag) "
      "SELECT (SELECT count(*) FROM tags) AS key, (SELECT count(*) FROM n) AS value, "
      "(SELECT group_concat(t) FROM tags) AS tags FROM events");
  Append("a", R"({"tags":["x","y"]})");
  EXPECT_THAT(db_->Query("SELECT key, value, tags FROM counted"), ElementsAre("2|3|'x,y'"));
}

TEST_F(ViewTest, AMapIsTakenWithItsCommentsCommasAndParentheses) {
  CreateView("odd",
             "SELECT /* a, ( comment */ upper(')' || events.key) AS \"a, key\", 'it''s (' AS v "
             "-- another )\n FROM events");
  Append("x", "{}");
  EXPECT_THAT(db_->Query("SELECT \"a, key\", v FROM odd"), ElementsAre("')X'|'it''s ('"));
}

TEST_F(ViewTest, KeyColumnsMayBeSeveral) {
  db_->Run(
      "CREATE VIRTUAL TABLE two USING sv_view(log = events, keys = 2, map = ("
      "SELECT value ->> '$.a' AS a, value ->> '$.b' AS b, value ->> '$.c' AS c FROM events))");
  for (int i = 0; i < 12; ++i) {
    Append(i, "{\"a\":" + std::to_string(i % 3) + ",\"b\":" + std::to_string(-i) + ",\"c\":\"c" +
                  std::to_string(i) + "\"}");
  }
  EXPECT_THAT(db_->Query("SELECT b, c FROM two WHERE a = 1"),
              ElementsAre("-10|'c10'", "-7|'c7'", "-4|'c4'", "-1|'c1'"));
  EXPECT_THAT(db_->Query("SELECT c FROM two WHERE a = 1 AND b > -7 ORDER BY b DESC"),
              ElementsAre("'c1'", "'c4'"));
  EXPECT_THAT(db_->Query("SELECT c FROM two WHERE a = 1 AND b = -7 AND doc_id = 7"),
              ElementsAre("'c7'"));
  EXPECT_THAT(db_->Query("SELECT c FROM two WHERE b = -7"), ElementsAre("'c7'"));
  EXPECT_THAT(db_->Query("SELECT a, b FROM two WHERE a > 0 ORDER BY a DESC, b DESC LIMIT 2"),
              ElementsAre("2|-2", "2|-5"));
  EXPECT_THAT(db_->Plan("SELECT * FROM two ORDER BY a DESC, b DESC"), Not(HasSubstr("ORDER BY")));
  EXPECT_THAT(db_->Plan("SELECT * FROM two WHERE a = 1 ORDER BY b"), Not(HasSubstr("ORDER BY")));
}

// "Constructor" broke PouchDB's indexes, an empty key those of others.
TEST_F(ViewTest, UnusualDocumentKeysAreJustKeys) {
  const std::vector<SqlValue> keys = {
      "", "constructor", "__proto__", std::string("a\0b", 3), "a", std::string(60000, 'k'), 0.5,
      -7, Blob{"a"},     Blob{""}};
  for (const SqlValue& key : keys) Append(key, R"({"tags":["old"]})");
  for (const SqlValue& key : keys) Append(key, R"({"tags":["cat"]})");
  EXPECT_THAT(Documents("old"), IsEmpty());
  EXPECT_EQ(Documents("cat").size(), keys.size());
  for (const SqlValue& key : keys) {
    EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat' AND doc_id = ?", {key}),
                ElementsAre(ToLiteral(key)));
  }
}

TEST_F(ViewTest, OneAndOnePointZeroNameTheSameDocument) {
  Append(1, R"({"tags":["old"]})");
  Append(1.0, R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags"), ElementsAre("'cat'|1.0"));
}

// The path language of `emit=` and `value=`, against SQLite's own functions.
TEST_F(ViewTest, TheShorthandAgreesWithTheSqlMap) {
  const std::vector<std::string> documents = {
      R"({"tags":["a","b"],"location":"x"})",
      R"({"tags":[1,2.5,-3,1e3,9007199254740993,9223372036854775807,-9223372036854775808]})",
      R"({"tags":[18446744073709551615,1e400],"location":2.0})",
      R"({"tags":[true,false,null],"location":true})",
      R"({"tags":["\u00e9\ud83d\udc08\n\"\\/","é",""],"location":null})",
      R"({"tags":[{"b": 1, "a" : [ 2 ] },[ 3 , 4 ]],"location":{ "x" : "y" }})",
      R"({"tags":[],"location":"none"})",
      R"({"location":"missing"})",
      R"({"tags":["dup","dup"],"tags2":["no"]})",
      R"( { "other" : { "tags" : [ "inner" ] } , "tags" : [ "outer" ] } )"};
  db_->Run(
      "CREATE VIRTUAL TABLE by_path USING sv_view("
      "log = events, emit = '$.tags[*]', value = '$.location')");
  for (size_t i = 0; i < documents.size(); ++i) {
    Append("doc" + std::to_string(i), documents[i]);
    EXPECT_EQ(db_->Query("SELECT * FROM by_path WHERE seq = ?", {static_cast<int64_t>(i + 1)}),
              db_->Query("SELECT * FROM view_tags WHERE seq = ?", {static_cast<int64_t>(i + 1)}))
        << documents[i];
  }
}

// Where SQLite's own functions end the text at it.
TEST_F(ViewTest, TheShorthandKeepsEscapedNulBytes) {
  db_->Run("CREATE VIRTUAL TABLE by_path USING sv_view(log = events, emit = '$.tags[*]')");
  Append("a", R"({"tags":["x\u0000y"]})");
  EXPECT_EQ(db_->QueryRows("SELECT key FROM by_path"),
            (std::vector<Row>{{std::string("x\0y", 3)}}));
}

TEST_F(ViewTest, TheShorthandFindsMembersElementsAndWhatIsInside) {
  Append("d", R"({"a":{"b":"deep"},"list":[{"n":1},{"n":2},{"m":3}],"odd key":"quoted"})");
  const std::vector<std::pair<std::string, Lines>> cases = {
      {"$.a.b", {"'deep'"}},
      {"$.list[0].n", {"1"}},
      {"$.list[*].n", {"1", "2"}},
      {"$.\"odd key\"", {"'quoted'"}},
      {"$.a.missing", {}},
      {"$.list[7]", {}},
      {"$.a[*]", {}},
  };
  for (const auto& [path, keys] : cases) {
    db_->Run("CREATE VIRTUAL TABLE v USING sv_view(log = events, emit = '" + path + "')");
    EXPECT_EQ(db_->Query("SELECT key FROM v"), keys) << path;
    db_->Run("DROP TABLE v");
  }
}

}  // namespace
}  // namespace streamview::testing
