// Real documents: the package index of Debian 12, with a view of its tags and one of what each
// depends on.

#include <map>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/packages.h"

namespace streamview::testing {
namespace {

constexpr size_t kTransactionSize = 1000;
constexpr int kUpdates = 200;

// key -> the documents under it, in order
using Answers = std::map<std::string, Lines>;

class DebianPackagesTest : public DatabaseTest {
 protected:
  DebianPackagesTest() : packages_(ReadPackages()) {
    CreateLog();
    CreateView("view_tags",
               "SELECT tag.value AS key, events.value ->> '$.version' AS value "
               "FROM events, json_each(events.value, '$.tags') AS tag");
    db_->Run(
        "CREATE VIRTUAL TABLE view_depends USING sv_view("
        "log = events, emit = '$.depends[*]', value = '$.version')");
    for (size_t i = 0; i < packages_.size(); ++i) {
      if (i % kTransactionSize == 0) db_->Run("BEGIN");
      Append(packages_[i].key, packages_[i].value);
      if (i % kTransactionSize == kTransactionSize - 1 || i + 1 == packages_.size()) {
        db_->Run("COMMIT");
      }
    }
  }

  // What the array `member` of the documents says, found without the extension.
  Answers Compute(const std::string& member) {
    Database plain(":memory:", Database::Extension::kNone);
    plain.Run("CREATE TABLE documents(id TEXT PRIMARY KEY, value); BEGIN");
    for (const Package& package : packages_) {
      plain.Run("INSERT INTO documents VALUES (?1, ?2)", {package.key, package.value});
    }
    Answers answers;
    for (const Row& row : plain.QueryRows(
             "SELECT element.value, documents.id || '@' || (documents.value ->> '$.version') "
             "FROM documents, json_each(documents.value, '$." +
             member +
             "') AS element "
             "ORDER BY element.value, documents.id, element.id")) {
      answers[std::get<std::string>(row[0])].push_back(ToLiteral(row[1]));
    }
    return answers;
  }

  // Every key's answer, asked for key by key.
  void ExpectAnswers(const std::string& view, const Answers& answers) {
    ASSERT_FALSE(answers.empty());
    size_t rows = 0;
    for (const auto& [key, documents] : answers) {
      ASSERT_EQ(db_->Query("SELECT doc_id || '@' || value FROM " + view + " WHERE key = ?", {key}),
                documents)
          << view << ", " << key;
      rows += documents.size();
    }
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM " + view), static_cast<int64_t>(rows));
  }

  std::vector<Package> packages_;
};

TEST_F(DebianPackagesTest, EveryKeysAnswerIsWhatThePlainComputationGives) {
  EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_seq())"), static_cast<int64_t>(packages_.size()));
  ExpectAnswers("view_tags", Compute("tags"));
  ExpectAnswers("view_depends", Compute("depends"));
  EXPECT_EQ(db_->Query("SELECT * FROM sv_errors"), Lines());
}

TEST_F(DebianPackagesTest, AnswersAreTheSameAfterReopening) {
  Reopen();
  ExpectAnswers("view_tags", Compute("tags"));
  ExpectAnswers("view_depends", Compute("depends"));
}

TEST_F(DebianPackagesTest, EachUpdateIsReadAtOnceAndExactly) {
  const size_t stride = packages_.size() / kUpdates;
  for (int i = 0; i < kUpdates; ++i) {
    Package& package = packages_[i * stride];
    const std::string mark = "update" + std::to_string(i);
    const int64_t seq =
        Append(package.key, R"({"version":")" + mark + R"(","tags":["all",")" + mark +
                                R"("],"depends":["libc6",")" + mark + R"("]})");
    for (const std::string view : {"view_tags", "view_depends"}) {
      const std::string select = "SELECT doc_id, value, seq FROM " + view;
      const Lines expected = {ToLine({package.key, mark, seq})};
      ASSERT_EQ(db_->Query(select + " WHERE key = ?", {mark}), expected);
      // Nothing of the old version is left.
      ASSERT_EQ(db_->Query(select + " WHERE key = ? AND doc_id = ?",
                           {view == "view_tags" ? "all" : "libc6", package.key}),
                expected);
    }
    package.value = std::get<std::string>(
        db_->QueryRows("SELECT doc FROM view_tags WHERE key = ?", {mark})[0][0]);
  }
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), kUpdates);
  ExpectAnswers("view_tags", Compute("tags"));
  ExpectAnswers("view_depends", Compute("depends"));
}

}  // namespace
}  // namespace streamview::testing
