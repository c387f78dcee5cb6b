// Logs that older versions have left: they open, and are as they were.

#include <filesystem>
#include <string>

#include "tests/ext/testing/files.h"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class UpgradeTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    db_->Close();
    fs::remove(path_);
    fs::copy(fs::path(STREAMVIEW_SOURCE_DIR "/tests/ext/fixtures") / GetParam(), dir_.path(),
             fs::copy_options::recursive);
    ASSERT_THAT(Marker(), HasSubstr("format=1\n"));
    db_ = Connect();
  }
  std::string Marker() const { return ReadFile(log_dir_ + "/STREAMVIEW"); }

  void ExpectAsItWas() {
    EXPECT_THAT(db_->Query("SELECT count(*), min(seq), max(seq) FROM events"),
                ElementsAre("64|1|64"));
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 80);
    EXPECT_EQ(db_->Query("SELECT key, value, doc_id, seq FROM view_tags"), LiveTags());
    EXPECT_THAT(db_->Query("SELECT * FROM counts WHERE key = 'all'"), ElementsAre("'all'|40"));
    EXPECT_THAT(db_->Query("SELECT doc_id, seq FROM places WHERE key = 'here'"),
                ElementsAre("'last'|64"));
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM docs"), 41);
    EXPECT_THAT(db_->Query("SELECT seq, operation FROM sv_history('events', 'key3')"),
                ElementsAre("61|'delete'", "44|'put'", "4|'put'"));
    EXPECT_THAT(db_->Query("SELECT view, doc_id FROM sv_errors ORDER BY view"),
                ElementsAre("'counts'|'bad'", "'places'|'bad'", "'view_tags'|'bad'"));
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 9);
    for (const std::string table : {"events", "view_tags", "places", "counts"}) {
      db_->Run("INSERT INTO " + table + "(" + table + ") VALUES ('integrity-check')");
    }
  }
  // The rows of the view's map over the live documents, in the order of the index.
  Lines LiveTags() {
    return db_->Query(
        "SELECT tag.value, d.value ->> '$.location', d.key, d.seq FROM docs AS d, "
        "json_each(d.value, '$.tags') AS tag WHERE json_valid(d.value) UNION ALL SELECT tag.value, "
        "e.value ->> '$.location', e.seq, e.seq FROM events AS e, json_each(e.value, '$.tags') AS "
        "tag WHERE e.key IS NULL ORDER BY 1, 3");
  }
};

TEST_P(UpgradeTest, ALogOfVersion01IsAsItWasAndGoesOn) {
  ExpectAsItWas();
  EXPECT_THAT(Marker(), HasSubstr("format=2\n"));
  EXPECT_TRUE(fs::exists(log_dir_ + "/derived/CURRENT"));
  Reopen();
  ExpectAsItWas();
  db_->Run("SELECT sv_backup('events', 'copy')");
  EXPECT_EQ(Append("next", R"({"tags":["all"]})"), 65);
  EXPECT_THAT(db_->Query("SELECT * FROM counts WHERE key = 'all'"), ElementsAre("'all'|41"));
}

INSTANTIATE_TEST_SUITE_P(Fixtures, UpgradeTest, ::testing::Values("0.1.0", "0.1.0-crashed"),
                         [](const auto& info) {
                           return std::string(info.param) == "0.1.0" ? "Closed" : "Crashed";
                         });

}  // namespace
}  // namespace streamview::testing
