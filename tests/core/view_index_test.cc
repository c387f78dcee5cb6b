#include "core/view/view_index.h"

#include <gtest/gtest.h>

#include "core/log/log_transaction.h"
#include "core/view/json_path_mapper.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

// An index on a log in memory, without an engine and without threads.
class ViewIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    StoreOptions options;
    options.create = true;
    store_ = Must(Store::Open(options));
    log_ = Must(Log::Open(store_.get()));
    docs_ = Must(DocIndex::Open(log_.get()));
    index_ = OpenIndex(Must(store_->CreateViewFamily("tags")));
  }
  ViewDefinition Definition() {
    ViewDefinition definition;
    definition.name = "tags";
    definition.emit_path = "$.tags[*]";
    definition.columns = {"key", "value"};
    return definition;
  }
  std::shared_ptr<ViewIndex> OpenIndex(std::shared_ptr<ColumnFamily> family) {
    return Must(ViewIndex::Open(log_.get(), docs_.get(), std::move(family), Definition(),
                                Must(NewJsonPathMapper(Definition()))));
  }
  void Put(const std::string& key, const std::string& json) {
    LogTransaction transaction(log_.get(), ProcessMark());
    Must(transaction.Append(Value::Text(key), Value::Text(json), {}));
    ASSERT_OK(transaction.Prepare(SyncMode::kOff));
    transaction.Commit();
    ASSERT_OK(index_->AdvanceTo(log_->head(), {}));
  }
  uint64_t Entries() {
    bool exact;
    return index_->CountEntries(&exact);
  }

  std::unique_ptr<Store> store_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<DocIndex> docs_;
  std::shared_ptr<ViewIndex> index_;
};

TEST_F(ViewIndexTest, ACompactionDropsWhatWasSupersededAtAFlushedCheckpoint) {
  for (int i = 0; i < 10; i++) Put("a", R"({"tags":["t)" + std::to_string(i) + "\"]}");
  EXPECT_EQ(Entries(), 10u);
  ASSERT_OK(index_->Flush());
  ASSERT_OK(index_->Compact());  // the first takes note of what is on disk
  Put("b", R"({"tags":["u"]})");
  ASSERT_OK(index_->Flush());
  ASSERT_OK(index_->Compact());
  EXPECT_EQ(Entries(), 2u);
}

TEST_F(ViewIndexTest, ACompactionSparesWhatAReaderOfAnOlderStateMaySee) {
  Put("a", R"({"tags":["x"]})");
  const auto held = index_->state();
  Put("a", R"({"tags":["y"]})");
  for (int i = 0; i < 2; i++) {
    Put("b", R"({"tags":["z"]})");
    ASSERT_OK(index_->Flush());
    ASSERT_OK(index_->Compact());
  }
  EXPECT_EQ(Entries(), 3u);  // x, y, z
}

TEST_F(ViewIndexTest, ABatchDoesNotWriteWhatItSupersedesItself) {
  LogTransaction transaction(log_.get(), ProcessMark());
  for (int i = 0; i < 10; i++) {
    const std::string json = R"({"tags":["t)" + std::to_string(i) + "\"]}";
    Must(transaction.Append(Value::Text("a"), Value::Text(json), {}));
  }
  ASSERT_OK(transaction.Prepare(SyncMode::kOff));
  transaction.Commit();
  ASSERT_OK(index_->AdvanceTo(10, {}));
  EXPECT_EQ(Entries(), 1u);
}

TEST_F(ViewIndexTest, ReopeningRestoresCheckpointSupersededSetAndErrors) {
  Put("a", R"({"tags":["x"]})");
  Put("a", R"({"tags":["y"]})");
  Put("b", "no json");
  const std::shared_ptr<ColumnFamily> family = index_->family();
  index_.reset();
  index_ = OpenIndex(family);
  EXPECT_EQ(index_->state()->seq, 3u);
  EXPECT_TRUE(index_->state()->superseded.Contains(1));
  EXPECT_FALSE(index_->state()->superseded.Contains(2));
  EXPECT_TRUE(index_->state()->errors.Contains(3));
}

}  // namespace
}  // namespace streamview
