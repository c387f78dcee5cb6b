// A locale of the process with a decimal comma changes nothing of what is stored or said.

#include <locale.h>
#include <stdlib.h>

#include <optional>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LocaleTest : public DatabaseTest {
 protected:
  static void SetUpTestSuite() {
    const std::string command = "localedef -i de_DE -f UTF-8 --no-archive '" +
                                (locales() / "de_DE.UTF-8") + "' > /dev/null 2>&1";
    made_ = system(command.c_str()) == 0;
  }

  void SetUp() override {
    if (!made_) GTEST_SKIP() << "localedef makes no locale here: Debian's package locales has it";
    setenv("LOCPATH", locales().path().c_str(), 1);
    ASSERT_NE(setlocale(LC_ALL, "de_DE.UTF-8"), nullptr);
    ASSERT_EQ(strtod("1.5", nullptr), 1.0);
  }
  void TearDown() override {
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
  }

  static TempDir& locales() {
    static TempDir directory;
    return directory;
  }
  static bool made_;
};

bool LocaleTest::made_ = false;

TEST_F(LocaleTest, AMapMeansTheSame) {
  CreateLog();
  CreateView("v", "SELECT value ->> '$.p' AS p, value ->> '$.p' + 0.25 AS q FROM events");
  db_->Run(
      "CREATE VIRTUAL TABLE paths USING sv_view(log = events, emit = '$.p');"
      "CREATE VIRTUAL TABLE sums USING sv_view(log = events, reduce = sum, map = "
      "(SELECT 1 AS one, value ->> '$.p' AS p FROM events))");
  const auto expect = [&](const std::string& last, const std::string& sum) {
    EXPECT_THAT(db_->Query("SELECT p, q FROM v"), ElementsAre("1.5|1.75", last)) << sum;
    EXPECT_THAT(db_->Query("SELECT sum FROM sums"), ElementsAre(sum));
  };
  Append("a", R"({"p":1.5})");
  Append("b", R"({"p":2.5e0})");
  ASSERT_TRUE(db_->Eventually("SELECT min(seq) FROM sv_status WHERE kind = 'view'", {"2"}));
  expect("2.5|2.75", "4.0");
  EXPECT_THAT(db_->Query("SELECT key FROM paths"), ElementsAre("1.5", "2.5"));
  EXPECT_THAT(db_->Query("SELECT row FROM sv_tail('v', 1, 0)"),
              ElementsAre(R"('{"p":2.5,"q":2.75}')"));

  db_->Run("BEGIN");
  Append("b", R"({"p":3.75})");
  expect("3.75|4.0", "5.25");
  db_->Run("COMMIT");
  for (const char* view : {"v", "paths", "sums"}) {
    db_->Run("INSERT INTO " + std::string(view) + "(" + view + ") VALUES ('integrity-check')");
  }
  // The next process.
  setlocale(LC_ALL, "C");
  Reopen();
  expect("3.75|4.0", "5.25");
  db_->Run("INSERT INTO sums(sums) VALUES ('integrity-check')");
}

TEST_F(LocaleTest, TheLocaleOfTheThreadStaysAsItIs) {
  CreateLog();
  CreateView("v", "SELECT value ->> '$.p' AS p FROM events");
  Append("a", R"({"p":1.5})");
  EXPECT_THAT(db_->Query("SELECT p FROM v"), ElementsAre("1.5"));
  EXPECT_STREQ(localeconv()->decimal_point, ",");
  EXPECT_EQ(uselocale(locale_t()), LC_GLOBAL_LOCALE);
}

TEST_F(LocaleTest, NumbersInMessagesHaveAPoint) {
  CreateLogAndView();
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  EXPECT_THAT(db_->Try("SELECT * FROM docs WHERE as_of = 1.5"), Fails(_, HasSubstr("not 1.5")));
  EXPECT_THAT(db_->Try("SELECT sv_wait(1.5)"), Fails(_, HasSubstr("1.5")));
  EXPECT_THAT(db_->Try("SELECT * FROM sv_tail('events', 0.5, 0)"), Fails(_, HasSubstr("0.5")));
}

}  // namespace
}  // namespace streamview::testing
