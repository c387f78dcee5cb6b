// Values and codes between SQLite and the engine.

#include "ext/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace streamview {
namespace {

constexpr int kStatusCodes = static_cast<int>(StatusCode::kFailed) + 1;

// A connection with identity(x), which takes its argument through ViewOf and gives it back through
// SetResult.
class ValuesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK);
    sqlite3_create_function(db_, "identity", 1, SQLITE_UTF8, nullptr, Identity, nullptr, nullptr);
  }
  void TearDown() override { sqlite3_close(db_); }

  static void Identity(sqlite3_context* context, int, sqlite3_value** arguments) {
    const auto value = ViewOf(arguments[0]);
    if (!value.ok()) return SetResultError(context, value.status());
    SetResult(context, *value, SQLITE_TRANSIENT);
  }

  // The one value that `sql` gives.
  Value Query(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sqlite3_errmsg(db_);
    const Value value(*ViewOf(sqlite3_column_value(statement, 0)));
    sqlite3_finalize(statement);
    return value;
  }

  sqlite3* db_ = nullptr;
};

TEST_F(ValuesTest, EveryTypeComesBackAsItWas) {
  for (const char* literal :
       {"NULL", "0", "-9223372036854775808", "9223372036854775807", "1.5", "-0.0", "1e300", "''",
        "'text'", "'\xc3\xa9\xe2\x82\xac'", "x''", "x'00ff00'"}) {
    EXPECT_TRUE(Identical(Query(std::string("SELECT identity(") + literal + ")"),
                          Query(std::string("SELECT ") + literal)))
        << literal;
  }
}

TEST_F(ValuesTest, EmptyTextAndEmptyBlobAreNotNull) {
  EXPECT_EQ(Query("SELECT typeof(identity(''))").view().bytes(), "text");
  EXPECT_EQ(Query("SELECT typeof(identity(x''))").view().bytes(), "blob");
}

TEST_F(ValuesTest, TextKeepsItsZeroBytes) {
  EXPECT_EQ(Query("SELECT hex(identity(CAST(x'610062' AS TEXT)))").view().bytes(), "610062");
}

TEST_F(ValuesTest, ZeroblobIsExpanded) {
  EXPECT_EQ(Query("SELECT identity(zeroblob(3))").view().bytes(), std::string(3, '\0'));
}

TEST_F(ValuesTest, TextOfAUtf16DatabaseIsUtf8) {
  ASSERT_EQ(
      sqlite3_exec(db_, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t AS SELECT 'h\xc3\xa9' AS x",
                   nullptr, nullptr, nullptr),
      SQLITE_OK);
  EXPECT_EQ(Query("SELECT x FROM t").view().bytes(), "h\xc3\xa9");
  EXPECT_EQ(Query("SELECT identity(x) = x FROM t").view().integer(), 1);
}

TEST_F(ValuesTest, ErrorKeepsItsCodeAndMessage) {
  const auto fail = [](sqlite3_context* context, int, sqlite3_value**) {
    SetResultError(context, Status::Busy("somebody else has it"));
  };
  sqlite3_create_function(db_, "fail", 0, SQLITE_UTF8, nullptr, fail, nullptr, nullptr);
  EXPECT_EQ(sqlite3_exec(db_, "SELECT fail()", nullptr, nullptr, nullptr), SQLITE_BUSY);
  EXPECT_STREQ(sqlite3_errmsg(db_), "somebody else has it");
  const Status status = StatusFromSqlite(db_, sqlite3_errcode(db_));
  EXPECT_EQ(status.code(), StatusCode::kBusy);
  EXPECT_EQ(status.message(), "somebody else has it");
}

TEST(StatusCodesTest, EveryCodeButOkIsAnErrorForSqlite) {
  for (int code = 0; code < kStatusCodes; ++code) {
    EXPECT_EQ(SqliteCode(static_cast<StatusCode>(code)) == SQLITE_OK,
              static_cast<StatusCode>(code) == StatusCode::kOk)
        << code;
  }
}

TEST(StatusCodesTest, CodesThatSqliteHasTooComeBackAsTheyWere) {
  const std::set<StatusCode> generic = {StatusCode::kNotFound, StatusCode::kTimedOut,
                                        StatusCode::kFailed, StatusCode::kInvalidArgument,
                                        StatusCode::kDamaged};
  for (int code = 1; code < kStatusCodes; ++code) {
    const auto status = static_cast<StatusCode>(code);
    const StatusCode other =
        status == StatusCode::kDamaged ? StatusCode::kBusy : StatusCode::kInvalidArgument;
    EXPECT_EQ(CodeFromSqlite(SqliteCode(status)), generic.contains(status) ? other : status)
        << code;
  }
}

TEST(StatusCodesTest, ExtendedCodesCountAsTheirPrimaryOnes) {
  EXPECT_EQ(CodeFromSqlite(SQLITE_BUSY_SNAPSHOT), StatusCode::kBusy);
  EXPECT_EQ(CodeFromSqlite(SQLITE_IOERR_READ), StatusCode::kIOError);
  EXPECT_EQ(CodeFromSqlite(SQLITE_IOERR_NOMEM), StatusCode::kNoMemory);
}

}  // namespace
}  // namespace streamview
