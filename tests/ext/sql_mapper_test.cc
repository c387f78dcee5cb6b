// The SQL mapper, without the extension around it.

#include "ext/sql_mapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ext/sqlite_api.h"

namespace streamview {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Keeps the rows as text: "'cat'|1".
class RowCollector : public Emitter {
 public:
  explicit RowCollector(size_t limit) : limit_(limit) {}

  Status Emit(std::span<const ValueView> row) override {
    if (rows.size() == limit_) return Status::Constraint("too many rows");
    std::string text;
    for (const ValueView& value : row) text += (text.empty() ? "" : "|") + ToDisplay(value);
    rows.push_back(text);
    return Status::Ok();
  }

  std::vector<std::string> rows;

 private:
  const size_t limit_;
};

ViewDefinition DefinitionOf(const std::string& map, const std::string& log = "events") {
  ViewDefinition definition;
  definition.kind = MapKind::kSql;
  definition.log_name = log;
  definition.map = map;
  return definition;
}

// A mapper that emits all columns of its map.
std::unique_ptr<Mapper> MapperOf(const std::string& map, const std::string& log = "events") {
  ViewDefinition definition = DefinitionOf(map, log);
  auto columns = SqlMapColumns(log, map);
  EXPECT_TRUE(columns.ok()) << columns.status().message();
  if (!columns.ok()) return nullptr;
  definition.columns = *columns;
  auto mapper = NewSqlMapper(definition);
  EXPECT_TRUE(mapper.ok()) << mapper.status().message();
  return mapper.ok() ? *std::move(mapper) : nullptr;
}

Entry EntryOf(Seq seq, const ValueView& key, const ValueView& value) {
  Entry entry;
  entry.seq = seq;
  entry.time_ms = 1000;
  entry.key = key;
  entry.value = value;
  return entry;
}

Entry DocumentOf(std::string_view json) {
  return EntryOf(7, ValueView::Text("asset/1"), ValueView::Text(json));
}

std::vector<std::string> RowsOf(Mapper& mapper, const Entry& entry) {
  RowCollector collector(1000);
  const Status status = mapper.Map(entry, collector);
  EXPECT_TRUE(status.ok()) << status.message();
  return collector.rows;
}

// What is said of a map that is refused.
std::string RefusalOf(const std::string& map) {
  const auto columns = SqlMapColumns("events", map);
  EXPECT_FALSE(columns.ok()) << map;
  if (columns.ok()) return "";
  EXPECT_EQ(columns.status().code(), StatusCode::kInvalidArgument);
  return columns.status().message();
}

// --- Mapping

TEST(SqlMapperTest, EmitsARowPerRowOfTheSelect) {
  const auto mapper = MapperOf(
      "SELECT tag.value AS key, events.value ->> '$.location' AS value "
      "FROM events, json_each(events.value, '$.tags') AS tag");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"location":"hawaii","tags":["cat","black"]})")),
              ElementsAre("'cat'|'hawaii'", "'black'|'hawaii'"));
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"tags":[]})")), IsEmpty());
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"tags":["x"]})")), ElementsAre("'x'|NULL"));
}

TEST(SqlMapperTest, SeesTheColumnsOfItsEntry) {
  const auto mapper = MapperOf("SELECT *, rowid FROM events");
  EXPECT_THAT(RowsOf(*mapper, EntryOf(3, ValueView::Integer(5), ValueView::Blob("\x01"))),
              ElementsAre("3|1000|5|x'01'|3"));
  EXPECT_THAT(RowsOf(*mapper, EntryOf(4, ValueView::Null(), ValueView::Text(""))),
              ElementsAre("4|1000|NULL|''|4"));
}

TEST(SqlMapperTest, KeepsTheTypesOfValues) {
  const auto mapper = MapperOf("SELECT 1, 1.0, '1', x'31', NULL FROM events");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("{}")), ElementsAre("1|1.0|'1'|x'31'|NULL"));
}

TEST(SqlMapperTest, EmitsOnlyTheColumnsOfTheDefinition) {
  ViewDefinition definition = DefinitionOf("SELECT seq, time, key FROM events");
  definition.columns = {"seq", "time"};
  const auto mapper = NewSqlMapper(definition);
  ASSERT_TRUE(mapper.ok());
  EXPECT_THAT(RowsOf(**mapper, DocumentOf("{}")), ElementsAre("7|1000"));
}

TEST(SqlMapperTest, DefinitionWithMoreColumnsThanTheMapIsRefused) {
  ViewDefinition definition = DefinitionOf("SELECT seq FROM events");
  definition.columns = {"a", "b"};
  const auto mapper = NewSqlMapper(definition);
  ASSERT_FALSE(mapper.ok());
  EXPECT_EQ(mapper.status().code(), StatusCode::kInvalidArgument);
}

TEST(SqlMapperTest, TheLogMayHaveAnyName) {
  const auto mapper = MapperOf("SELECT seq FROM \"my \"\"log\"", "my \"log");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("{}")), ElementsAre("7"));
}

TEST(SqlMapperTest, ReadingTheLogTwiceGivesTheSameRow) {
  const auto mapper = MapperOf("SELECT a.seq, b.seq FROM events a, events b");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("{}")), ElementsAre("7|7"));
}

TEST(SqlMapperTest, AggregatesWithinTheEntryAreAllowed) {
  const auto mapper = MapperOf(
      "SELECT json_group_array(upper(tag.value)) AS tags "
      "FROM events, json_each(events.value, '$.tags') AS tag GROUP BY events.seq");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"tags":["a","b"]})")), ElementsAre(R"('["A","B"]')"));
}

TEST(SqlMapperTest, RecursionIsAllowed) {
  const auto mapper = MapperOf(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) "
      "SELECT i FROM events, n");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("{}")), ElementsAre("1", "2", "3"));
}

TEST(SqlMapperTest, DatesOfTheDocumentAreAllowed) {
  const auto mapper = MapperOf("SELECT date(value ->> '$.on', '+1 day') FROM events");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"on":"2024-02-28"})")), ElementsAre("'2024-02-29'"));
}

TEST(SqlMapperTest, DatesAreWhatSqliteMakesThem) {
  const auto mapper = MapperOf(
      "SELECT datetime(1e9, 'unixepoch'), julianday('2000-01-01'), time('no time'), "
      "unixepoch('2000-01-01'), strftime('utc %Y', '2000-01-01'), date('2000-01-31', '+1 month') "
      "FROM events");
  const std::string expected =
      "'2001-09-09 01:46:40'|2451544.5|NULL|946684800|'utc 2000'|'2000-03-02'";
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("{}")), ElementsAre(expected));
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("{}")), ElementsAre(expected));
}

TEST(SqlMapperTest, ColumnsAreNamedAsSqliteNamesThem) {
  const auto columns = SqlMapColumns(
      "events", "SELECT seq AS key, value ->> '$.a', key, count(*) FROM events GROUP BY seq");
  ASSERT_TRUE(columns.ok()) << columns.status().message();
  EXPECT_THAT(*columns, ElementsAre("key", "value ->> '$.a'", "key", "count(*)"));
}

TEST(SqlMapperTest, SemicolonAndCommentsMayFollow) {
  EXPECT_TRUE(SqlMapColumns("events", "SELECT seq FROM events; -- all").ok());
}

// --- Errors of an entry

TEST(SqlMapperTest, ErrorOfAnEntryLeavesTheMapperUsable) {
  const auto mapper = MapperOf("SELECT value ->> '$.a' FROM events");
  RowCollector collector(10);
  const Status status = mapper->Map(DocumentOf("{"), collector);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "malformed JSON");
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"a":1})")), ElementsAre("1"));
}

TEST(SqlMapperTest, ErrorOfTheEmitterIsReturnedUnchanged) {
  const auto mapper = MapperOf("SELECT e.value FROM events, json_each(events.value) AS e");
  RowCollector collector(2);
  const Status status = mapper->Map(DocumentOf("[1,2,3]"), collector);
  EXPECT_EQ(status.code(), StatusCode::kConstraint);
  EXPECT_EQ(status.message(), "too many rows");
  EXPECT_THAT(collector.rows, SizeIs(2));
  EXPECT_THAT(RowsOf(*mapper, DocumentOf("[4]")), ElementsAre("4"));
}

TEST(SqlMapperTest, MapThatDoesNotEndIsCutOff) {
  const auto mapper = MapperOf(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
      "SELECT i FROM events, n WHERE i < 0 AND value ->> '$.loop'");
  RowCollector collector(10);
  const Status status = mapper->Map(DocumentOf(R"({"loop":true})"), collector);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the map ran more than 50000000 instructions on this entry");
}

TEST(SqlMapperTest, WhereAMapIsCutOffDoesNotDependOnEarlierEntries) {
  ViewDefinition definition = DefinitionOf(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n, events WHERE i < value) "
      "SELECT max(i) FROM n, events GROUP BY seq");
  definition.columns = {"key"};
  const auto new_mapper = [&]() -> std::unique_ptr<Mapper> {
    auto mapper = NewSqlMapper(definition, {.steps = 10'000});
    return mapper.ok() ? *std::move(mapper) : nullptr;
  };
  ASSERT_NE(new_mapper(), nullptr);
  const auto counts_to = [](Mapper& mapper, int64_t n) {
    RowCollector collector(1);
    return mapper.Map(EntryOf(1, ValueView::Null(), ValueView::Integer(n)), collector).ok();
  };
  int64_t can = 1, cannot = 10'000;
  while (cannot - can > 1) {
    const int64_t middle = (can + cannot) / 2;
    (counts_to(*new_mapper(), middle) ? can : cannot) = middle;
  }
  const auto mapper = new_mapper();
  for (int64_t earlier = 1; earlier < 20; ++earlier) {
    EXPECT_TRUE(counts_to(*mapper, earlier));
    EXPECT_TRUE(counts_to(*mapper, can));
    EXPECT_FALSE(counts_to(*mapper, cannot));
  }
}

TEST(SqlMapperTest, AskingForTheTimeOnSomeEntryIsThatEntrysError) {
  const auto mapper = MapperOf("SELECT datetime(value ->> '$.at') FROM events");
  RowCollector collector(10);
  const Status status = mapper->Map(DocumentOf(R"({"at":"now"})"), collector);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "a map must be a pure function of its row: it asked for the current time");
  EXPECT_THAT(collector.rows, IsEmpty());
  EXPECT_THAT(RowsOf(*mapper, DocumentOf(R"({"at":0})")), SizeIs(1));
}

// --- What is refused

TEST(SqlMapRefusalTest, SyntaxErrorWithSqlitesMessage) {
  EXPECT_EQ(RefusalOf("SELECT FROM events"),
            "the map does not compile: near \"FROM\": syntax error");
}

TEST(SqlMapRefusalTest, UnknownNamesWithAHint) {
  EXPECT_THAT(RefusalOf("SELECT location FROM events"),
              AllOf(HasSubstr("no such column: location"), HasSubstr("seq, time, key, value")));
  EXPECT_THAT(RefusalOf("SELECT tag.value FROM events, json_each(value, '$.tags') AS tag"),
              AllOf(HasSubstr("ambiguous column name: value"), HasSubstr("write events.value")));
  EXPECT_THAT(RefusalOf("SELECT key FROM events, json_tree(events.value)"),
              AllOf(HasSubstr("ambiguous column name: key"), HasSubstr("write events.key")));
  EXPECT_THAT(RefusalOf("SELECT atom FROM events, json_each('[]'), json_each('[]')"),
              AllOf(HasSubstr("ambiguous column name: atom"), Not(HasSubstr("write"))));
  EXPECT_THAT(RefusalOf("SELECT 1 FROM users"),
              AllOf(HasSubstr("no such table: users"), HasSubstr("json_each")));
  EXPECT_THAT(RefusalOf("SELECT slug(key) FROM events"),
              AllOf(HasSubstr("no such function: slug"), HasSubstr("application")));
}

TEST(SqlMapRefusalTest, AllButOneSelect) {
  EXPECT_THAT(RefusalOf(""), HasSubstr("empty"));
  EXPECT_THAT(RefusalOf("-- nothing"), HasSubstr("empty"));
  EXPECT_THAT(RefusalOf("SELECT seq FROM events; SELECT 2"), HasSubstr("one SELECT"));
  EXPECT_THAT(RefusalOf("SELECT seq FROM events; nonsense"), HasSubstr("one SELECT"));
  EXPECT_THAT(RefusalOf("EXPLAIN SELECT seq FROM events"), HasSubstr("must be a SELECT"));
  EXPECT_THAT(RefusalOf("VACUUM"), HasSubstr("must be a SELECT"));
  EXPECT_THAT(RefusalOf("SELECT seq FROM events WHERE key = :key"),
              HasSubstr("cannot have parameters, such as :key"));
  for (const char* statement : {"CREATE TABLE t(x)", "ATTACH 'other.db' AS other",
                                "PRAGMA user_version", "BEGIN", "ANALYZE", "DROP TABLE events"}) {
    EXPECT_THAT(RefusalOf(statement), HasSubstr("only SELECT")) << statement;
  }
}

TEST(SqlMapRefusalTest, OtherTables) {
  EXPECT_THAT(RefusalOf("SELECT name FROM sqlite_schema, events"),
              HasSubstr("cannot read sqlite_"));
  EXPECT_THAT(RefusalOf("SELECT p.user_version FROM events, pragma_user_version AS p"),
              HasSubstr("events, json_each and json_tree"));
}

TEST(SqlMapRefusalTest, ImpureFunctions) {
  for (const char* call :
       {"random()", "RANDOMBLOB(4)", "changes()", "total_changes()", "last_insert_rowid()",
        "sqlite_version()", "sqlite_source_id()", "sqlite_compileoption_get(1)"}) {
    EXPECT_THAT(RefusalOf("SELECT " + std::string(call) + " FROM events"),
                StartsWith("a map must be a pure function of its row: it cannot call "))
        << call;
  }
}

TEST(SqlMapRefusalTest, TheCurrentTime) {
  for (const char* call :
       {"current_timestamp", "current_date", "current_time", "datetime('now')", "date()",
        "julianday('now', '+1 day')", "strftime('%s', 'now')", "unixepoch()",
        "CASE WHEN value = '{}' THEN time('now') END", "CASE WHEN value IS NULL THEN date() END"}) {
    EXPECT_EQ(RefusalOf("SELECT " + std::string(call) + " FROM events"),
              "a map must be a pure function of its row: it asked for the current time")
        << call;
  }
}

TEST(SqlMapRefusalTest, TheLocalTimeZone) {
  for (const char* call : {"datetime(0, 'unixepoch', 'localtime')", "time('12:00', 'UTC')",
                           "strftime('%s', '2024-01-01', '+1 day', 'utc')"}) {
    EXPECT_EQ(RefusalOf("SELECT " + std::string(call) + " FROM events"),
              "a map must be a pure function of its row: it asked for the local time zone")
        << call;
  }
}

TEST(SqlMapRefusalTest, RowsWhereTheLogHasNone) {
  for (const char* map :
       {"SELECT 1", "VALUES (1, 2)", "SELECT count(*) AS key FROM events",
        "SELECT value FROM json_each('[1]')", "SELECT seq FROM events UNION ALL SELECT 0"}) {
    EXPECT_THAT(RefusalOf(map), StartsWith("a map sees one row at a time")) << map;
  }
}

TEST(SqlMapRefusalTest, FunctionsOfAutomaticExtensions) {
  const auto add_function = [](sqlite3* db, char**, const sqlite3_api_routines*) {
    const auto one = [](sqlite3_context* context, int, sqlite3_value**) {
      sqlite3_result_int(context, 1);
    };
    return sqlite3_create_function(db, "slug", 1, SQLITE_UTF8, nullptr, one, nullptr, nullptr);
  };
  int (*const entry_point)(sqlite3*, char**, const sqlite3_api_routines*) = add_function;
  ASSERT_EQ(sqlite3_auto_extension(reinterpret_cast<void (*)()>(entry_point)), SQLITE_OK);
  EXPECT_THAT(RefusalOf("SELECT slug(key) FROM events"), HasSubstr("not one of SQLite's own"));
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(entry_point));
}

}  // namespace
}  // namespace streamview
