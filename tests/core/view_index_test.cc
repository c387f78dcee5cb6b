#include <gtest/gtest.h>

#include "core/codec/index_entry.h"
#include "core/codec/key_codec.h"
#include "core/docs/log_check.h"
#include "core/index/open_index.h"
#include "core/log/log_reader.h"
#include "core/log/log_transaction.h"
#include "core/map/json_path_mapper.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

// An index on a log in memory, without an engine and without threads.
class ViewIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_ = Must(Log::Open(stores_.log.get(), nullptr));
    docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
    index_ = OpenIndex(Must(stores_.derived->CreateViewFamily("tags")));
  }
  ViewDefinition Definition() {
    ViewDefinition definition;
    definition.name = "tags";
    definition.emit_path = "$.tags[*]";
    definition.columns = {"key", "value"};
    return definition;
  }
  std::shared_ptr<ViewIndex> OpenIndex(std::shared_ptr<ColumnFamily> family) {
    return Must(streamview::OpenIndex(log_.get(), docs_.get(), std::move(family), Definition(),
                                      Must(NewJsonPathMapper(Definition()))));
  }
  void Put(const std::string& key, const std::string& json) {
    LogWriter writer(log_.get());
    writer.Append(Value::Text(key), Value::Text(json));
    writer.Commit();
    ASSERT_OK(index_->AdvanceTo(log_->head(), {}));
  }
  uint64_t Entries() { return index_->CountEntries(); }

  Stores stores_;
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

TEST_F(ViewIndexTest, ReadersSeeWholeTransactionsOnly) {
  Put("before", R"({"tags":["x"]})");
  LogWriter writer(log_.get());
  for (int i = 0; i < 2500; i++) {
    writer.Append(Value::Integer(i), Value::Text(R"({"tags":["t"]})"));
  }
  writer.Commit();
  EntryBatch batch;
  ASSERT_OK(ReadBatch(*log_, 2, 2501, BlockCache::kFill, &batch));
  ASSERT_OK(docs_->AdvanceTo(batch.last(), {}));
  EXPECT_EQ(Must(docs_->TakeState()).seq, 1u);
  ASSERT_OK(index_->turn().Take({}));
  ASSERT_OK(index_->Apply(batch));
  index_->turn().Release();
  EXPECT_GT(index_->progress(), 1u);
  EXPECT_EQ(index_->state()->seq, 1u);

  // Nor after a crash that finds it there.
  const std::shared_ptr<ColumnFamily> family = index_->family();
  const Seq progress = index_->progress();
  index_.reset();
  index_ = OpenIndex(family);
  EXPECT_EQ(index_->readable_from(), progress + 1);
  ASSERT_OK(index_->AdvanceTo(index_->readable_from(), {}));
  EXPECT_EQ(index_->state()->seq, 2501u);
  ASSERT_OK(docs_->SettleAt(2, {}));
  EXPECT_EQ(Must(docs_->TakeState()).seq, 2501u);
  docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  EXPECT_EQ(Must(docs_->TakeState()).seq, 2501u);
}

// Else a crash would leave an index that stands where x still counts, without x.
TEST_F(ViewIndexTest, ACompactionSparesWhatIsNotOnDiskAsSuperseded) {
  Put("a", R"({"tags":["x"]})");
  std::string key, value;
  const ValueView columns[] = {ValueView::Text("x")}, others[] = {ValueView::Null()};
  AppendIndexKey(&key, columns, ValueView::Text("a"), false, 0);
  AppendIndexValue(&value, 1, 0, columns, ValueView::Text("a"), others);
  const uint64_t before = stores_.derived->db()->GetLatestSequenceNumber();
  EXPECT_FALSE(index_->ForCompaction(before));  // nothing is superseded
  Put("a", R"({"tags":["y"]})");
  EXPECT_FALSE(index_->ForCompaction(before));
  const DropEntry drop = index_->ForCompaction(stores_.derived->db()->GetLatestSequenceNumber());
  ASSERT_TRUE(drop);
  EXPECT_TRUE(drop(key, value));
}

TEST_F(ViewIndexTest, ABatchDoesNotWriteWhatItSupersedesItself) {
  LogWriter writer(log_.get());
  for (int i = 0; i < 10; i++) {
    const std::string json = R"({"tags":["t)" + std::to_string(i) + "\"]}";
    writer.Append(Value::Text("a"), Value::Text(json));
  }
  writer.Commit();
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

class ViewCheckTest : public ViewIndexTest {
 protected:
  void SetUp() override {
    ViewIndexTest::SetUp();
    Put("a", R"({"tags":["x","y"]})");
    Put("a", R"({"tags":["y"]})");
    Put("b", R"({"tags":["z"]})");
    Put("c", "no json");
    Put("d", R"({"tags":[]})");
  }
  std::string Check() {
    // Published anew, so that the check sees what the test has damaged.
    const std::shared_ptr<ColumnFamily> family = index_->family();
    index_.reset();
    index_ = OpenIndex(family);
    const auto mapper = Must(NewJsonPathMapper(Definition()));
    return index_->Check(*index_->state(), mapper.get(), {}).message();
  }
  std::string LastKey() {
    std::unique_ptr<rocksdb::Iterator> it(
        stores_.derived->db()->NewIterator({}, index_->family()->handle()));
    it->SeekToLast();
    return it->key().ToString();
  }
};

TEST_F(ViewCheckTest, ASoundViewHasNoFindings) { EXPECT_EQ(Check(), ""); }

TEST_F(ViewCheckTest, AMissingRowIsNamed) {
  ASSERT_TRUE(stores_.derived->db()->Delete({}, index_->family()->handle(), LastKey()).ok());
  EXPECT_THAT(Check(), ::testing::HasSubstr("lacks row ('z', document 'b') of entry 3"));
}

TEST_F(ViewCheckTest, ARowThatNoEntryEmitsIsNamed) {
  std::string key, value;
  const ValueView columns[] = {ValueView::Text("q")}, others[] = {ValueView::Null()};
  AppendIndexKey(&key, columns, ValueView::Text("b"), false, 0);
  AppendIndexValue(&value, 3, 0, columns, ValueView::Text("b"), others);
  ASSERT_TRUE(stores_.derived->db()->Put({}, index_->family()->handle(), key, value).ok());
  EXPECT_THAT(Check(), ::testing::HasSubstr("has row ('q', document 'b'), which entry 3"));
}

TEST_F(ViewCheckTest, ALostRowAndAForeignOneAreBothNamed) {
  std::string key, value;
  const ValueView columns[] = {ValueView::Text("q")}, others[] = {ValueView::Null()};
  AppendIndexKey(&key, columns, ValueView::Text("b"), false, 0);
  AppendIndexValue(&value, 3, 0, columns, ValueView::Text("b"), others);
  ASSERT_TRUE(stores_.derived->db()->Delete({}, index_->family()->handle(), LastKey()).ok());
  ASSERT_TRUE(stores_.derived->db()->Put({}, index_->family()->handle(), key, value).ok());
  EXPECT_THAT(Check(), ::testing::AllOf(::testing::HasSubstr("lacks row ('z'"),
                                        ::testing::HasSubstr("has row ('q'")));
}

TEST_F(ViewCheckTest, AChangedRowIsNamed) {
  std::string value;
  const ValueView columns[] = {ValueView::Text("z")}, others[] = {ValueView::Integer(7)};
  AppendIndexValue(&value, 3, 0, columns, ValueView::Text("b"), others);
  ASSERT_TRUE(stores_.derived->db()->Put({}, index_->family()->handle(), LastKey(), value).ok());
  EXPECT_THAT(Check(), ::testing::HasSubstr("other values in row ('z', document 'b')"));
}

TEST_F(ViewCheckTest, AMissingErrorIsNamed) {
  ASSERT_TRUE(stores_.derived->db()->DeleteRange({}, index_->family()->handle(), "\1", "\2").ok());
  EXPECT_THAT(Check(), ::testing::HasSubstr("entry 4 is no recorded error"));
}

TEST_F(ViewCheckTest, ASoundLogHasNoFindings) { EXPECT_OK(CheckLog(docs_.get(), {})); }

TEST_F(ViewCheckTest, AMissingLogEntryIsNamed) {
  ASSERT_OK(log_->EraseRecords(3, 1, SyncMode::kOff));
  EXPECT_THAT(CheckLog(docs_.get(), {}).message(), ::testing::HasSubstr("lacks entry 3"));
}

TEST_F(ViewCheckTest, ADocumentIndexThatDisagreesWithTheLogIsNamed) {
  ASSERT_OK(docs_->Flush());
  std::string key, value;
  AppendKeyColumn(&key, ValueView::Text("a"));
  AppendVersion(&value, {1, false, false});
  ASSERT_TRUE(
      stores_.derived->db()->Put({}, Must(docs_->TakeState()).family->handle(), key, value).ok());
  const std::string message = CheckLog(docs_.get(), {}).message();
  EXPECT_THAT(message, ::testing::HasSubstr("entry 1 of document 'a' is the latest one, and yet"));
  EXPECT_THAT(message, ::testing::HasSubstr("entry 2 of document 'a' is neither the latest"));
}

TEST_F(ViewCheckTest, ADocumentWithoutEntryIsNamed) {
  std::string key, value;
  AppendKeyColumn(&key, ValueView::Text("ghost"));
  AppendVersion(&value, {2, false, false});
  ASSERT_TRUE(
      stores_.derived->db()->Put({}, Must(docs_->TakeState()).family->handle(), key, value).ok());
  EXPECT_THAT(CheckLog(docs_.get(), {}).message(),
              ::testing::HasSubstr("entry 2, which is of another document"));
}

}  // namespace
}  // namespace streamview
