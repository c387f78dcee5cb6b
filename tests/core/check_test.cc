// What headers say with REQUIRES is checked, in builds with checks (core/base/check.h); what the
// public interface REQUIRES is an error in all others.

#include <chrono>

#include "core/base/turn.h"
#include "core/codec/exact_sum.h"
#include "core/codec/index_entry.h"
#include "core/docs/doc_index.h"
#include "core/index/open_index.h"
#include "core/index/run_cache.h"
#include "core/index/stored_entries.h"
#include "core/log/log_reader.h"
#include "core/log/log_transaction.h"
#include "core/log_tail.h"
#include "core/map/json_path_mapper.h"
#include "core/storage/family_write.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

// The statement ends the process, and says which condition does not hold.
#define EXPECT_BREACH(statement, condition) EXPECT_DEATH(statement, condition)

class CheckTest : public EngineTest {
 protected:
  void SetUp() override {
    if (IsRemote()) GTEST_SKIP() << "these are the conditions of the embedded engine";
    if (SV_CHECKED == 0) GTEST_SKIP() << "checks are off in this build";
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // the stores have threads
  }
};

TEST_F(CheckTest, AResultThatIsAnErrorHasNoValue) {
  Result<int> result = Status::NotFound("nothing");
  EXPECT_BREACH((void)*result, "ok\\(\\)");
  EXPECT_BREACH((void)Result<int>(Status::Ok()), "!status_.ok\\(\\)");
}

TEST_F(CheckTest, AValueIsReadAsWhatItIs) {
  EXPECT_BREACH((void)ValueView::Text("1").integer(), "kInteger");
  EXPECT_BREACH((void)ValueView::Integer(1).real(), "kReal");
}

TEST_F(CheckTest, ATurnThatNobodyHasIsNotReleased) {
  Turn turn;
  EXPECT_BREACH(turn.Release(), "taken_");
}

TEST_F(CheckTest, SumsTakeFiniteNumbers) {
  ExactSum sum;
  EXPECT_BREACH(sum.Add(ValueView::Text("1")), "isfinite");
  EXPECT_BREACH(sum.Add(ValueView::Real(1e308 * 10)), "isfinite");
}

TEST_F(CheckTest, AnIndexEntryHasKeyColumns) {
  EXPECT_BREACH(IndexEntryDecoder(2, 3), "key_columns <= columns");
  std::string key;
  EXPECT_BREACH(AppendIndexKey(&key, {}, ValueView::Integer(1), false, 0), "empty");
  EXPECT_BREACH((void)IndexEntryDecoder(2, 1).column(2), "i < columns_.size");
}

TEST_F(CheckTest, ARunHasOnlyItsRows) {
  const CachedRun run;
  EXPECT_BREACH((void)run.key(0), "i < rows_.size");
}

TEST_F(CheckTest, AMapperByPathIsForDefinitionsByPath) {
  ViewDefinition definition = TagsDefinition();
  definition.kind = MapKind::kSql;
  EXPECT_BREACH((void)NewJsonPathMapper(definition), "kJsonPath");
}

TEST_F(CheckTest, AnEmptyBatchHasNoEntries) {
  const EntryBatch batch;
  EXPECT_BREACH((void)batch.first(), "!empty");
  EXPECT_BREACH((void)batch.From(1), "Has");
}

// --- the parts of an engine, without one

class PartsCheckTest : public CheckTest {
 protected:
  void SetUp() override {
    CheckTest::SetUp();
    if (IsSkipped()) return;
    log_ = Must(Log::Open(stores_.log.get(), nullptr));
    docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
    index_ =
        Must(OpenIndex(log_.get(), docs_.get(), Must(stores_.derived->CreateViewFamily("tags")),
                       TagsDefinition(), Must(NewJsonPathMapper(TagsDefinition()))));
    LogWriter writer(log_.get());
    writer.Append(Value::Text("a"), Value::Text("{}"));
    writer.Commit();
  }

  Stores stores_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<DocIndex> docs_;
  std::shared_ptr<ViewIndex> index_;
};

TEST_F(PartsCheckTest, OnlyWhoHasTheWritersTurnWritesTheLog) {
  EXPECT_BREACH((void)log_->end(), "writer_turn_.IsTaken");
  EXPECT_BREACH((void)log_->WriteRecords(2, {}, SyncMode::kOff, ""), "writer_turn_.IsTaken");
  EXPECT_BREACH(log_->Publish(2, {}, ""), "writer_turn_.IsTaken");
  ASSERT_OK(log_->TakeTurn({}));
  EXPECT_BREACH((void)log_->Settle(), "!writer_turn_.IsTaken");
  log_->ReleaseTurn();
}

TEST_F(PartsCheckTest, ATransactionIsPreparedBeforeItIsCommitted) {
  LogTransaction transaction(log_.get(), ProcessMark());
  Must(transaction.TakeTurn({}));
  EXPECT_BREACH((void)transaction.Commit(), "is_prepared_");
}

TEST_F(PartsCheckTest, OwnEntriesAreReadWhereTheyAre) {
  OwnEntries entries;
  EXPECT_BREACH((void)entries.Append(Value(), Value()), "records_ != nullptr");
  entries.Begin({4, 0});
  Must(entries.Append(Value::Text("a"), Value::Text("{}")));
  EXPECT_BREACH(entries.Begin({4, 0}), "size_ == 0");
  EXPECT_BREACH(entries.Truncate(2), "size <= size_");
  EXPECT_BREACH((void)entries.run().Read(6), "Has.seq");
  EXPECT_BREACH((void)OwnRun().first(), "!empty");
}

TEST_F(PartsCheckTest, ABatchIsOfEntriesThatAreThere) {
  EntryBatch batch;
  EXPECT_BREACH((void)ReadBatch(*log_, 1, 2, BlockCache::kFill, &batch), "last <= log.head");
}

TEST_F(PartsCheckTest, ALogCursorIsReadWhereItIsValid) {
  const std::unique_ptr<LogCursor> cursor = NewLogCursor(*log_, {});
  cursor->Next();
  ASSERT_FALSE(cursor->Valid());
  EXPECT_BREACH((void)cursor->entry(), "valid_");
  EXPECT_BREACH(cursor->Next(), "valid_");
}

TEST_F(PartsCheckTest, TheDocumentIndexIsAdvancedUpToTheHead) {
  EXPECT_BREACH((void)docs_->AdvanceTo(2, {}), "log_->head");
}

TEST_F(PartsCheckTest, OnlyWhoHasAnIndexesTurnAdvancesOrRetiresIt) {
  EntryBatch batch;
  ASSERT_OK(ReadBatch(*log_, 1, 1, BlockCache::kFill, &batch));
  EXPECT_BREACH((void)index_->Apply(batch), "turn_.IsTaken");
  EXPECT_BREACH((void)index_->Repair(), "turn_.IsTaken");
  EXPECT_BREACH(index_->Retire(), "turn_.IsTaken");
  EXPECT_BREACH((void)index_->mapper(), "turn_.IsTaken");
  EXPECT_BREACH((void)index_->AdvanceTo(2, {}), "log_->head");
}

TEST_F(PartsCheckTest, ARangeThatIsEmptyIsNotWalked) {
  KeyRange keys;
  keys.lower = "b";
  keys.upper = "a";
  EXPECT_BREACH(StoredEntries(*index_, *index_->state()).Seek(keys, false), "!keys.empty");
}

TEST_F(PartsCheckTest, AWriteToAFamilyHasSomethingToWrite) {
  FamilyWrite write(stores_.derived.get(), index_->family()->handle(), 1);
  EXPECT_BREACH((void)write.Commit(), "batch_.Count");
}

TEST_F(CheckTest, ViewAndDocumentCursorsAreReadWhereTheyAreValid) {
  Open();
  const auto view = CreateTags();
  const auto rows = Must(view->Read(0, {}))->NewCursor({});
  EXPECT_BREACH(rows->Next(), "[Vv]alid");
  EXPECT_BREACH((void)rows->column(0), "[Vv]alid");
  const auto documents = Must(engine_->ReadDocs(0, {}))->NewCursor({});
  EXPECT_BREACH(documents->Next(), "valid_");
  EXPECT_BREACH((void)documents->key(), "valid_");
  EXPECT_BREACH((void)documents->ReadEntry(), "valid_");
}

// --- the public interface

// Where checks are on it ends the process, else it is kMisuse.
#define EXPECT_MISUSE(expression, condition)                              \
  do {                                                                    \
    if (SV_CHECKED != 0) {                                                \
      EXPECT_DEATH((void)(expression), condition);                        \
    } else {                                                              \
      const Status status = (expression);                                 \
      EXPECT_EQ(status.code(), StatusCode::kMisuse);                      \
      EXPECT_THAT(status.message(), ::testing::ContainsRegex(condition)); \
    }                                                                     \
  } while (0)

class MisuseTest : public EngineTest {
 protected:
  void SetUp() override {
    if (IsRemote()) GTEST_SKIP() << "these are the conditions of the embedded engine";
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

TEST_F(MisuseTest, OnlyWhoHasTheTurnPreparesEntries) {
  Open();
  const std::unique_ptr<Transaction> transaction = engine_->Begin();
  const Records records{std::make_shared<const std::string>("record")};
  EXPECT_MISUSE(transaction->Prepare(records, SyncMode::kOff), "has_turn_");
  EXPECT_OK(transaction->Prepare({}, SyncMode::kOff));
}

TEST_F(MisuseTest, ASessionCommitsWhatItHasPreparedAndAppendsAtOnceWithoutATransaction) {
  Open();
  Session session(engine_);
  Must(session.Append(Value(), Value(), {}));
  EXPECT_MISUSE(session.AppendNow(Value(), Value(), SyncMode::kOff, {}).status(), "!has_turn");
  if (SV_CHECKED == 0) return;
  EXPECT_DEATH(session.Commit(), "prepared_version_");
}

TEST_F(MisuseTest, NothingIsReadPastTheHead) {
  Open();
  const auto view = CreateTags();
  Put("a", "{}");
  EXPECT_MISUSE(engine_->ReadDocs(2, {}).status(), "at_least <= Head");
  EXPECT_MISUSE(engine_->ReadDocsAsOf(2, {}).status(), "as_of <= Head");
  EXPECT_MISUSE(view->Read(2, {}).status(), "at_least <= ");
  EXPECT_MISUSE(view->AdvanceTo(2, {}).status(), "seq <= ");
  LogTail tail(engine_, view, 0);
  EXPECT_MISUSE(tail.Begin(2, {}), "view_at_least <= ");
}

}  // namespace
}  // namespace streamview
