// Documents and their histories, through the engine.

#include "core/docs/docs_reader.h"

#include <algorithm>

#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DocsReaderTest : public EngineTest {
 protected:
  DocsReaderTest() {
    Open();
    Put("a", "1");
    Put("b", "2");
    Put("a", "3");
    Erase("b");
  }

  // "key=value" of each document.
  static std::vector<std::string> Documents(const DocsSnapshot& snapshot,
                                            const DocRange& range = {}) {
    std::vector<std::string> documents;
    auto cursor = snapshot.NewCursor(range);
    for (; cursor->Valid(); cursor->Next()) {
      const Entry entry = Must(cursor->ReadEntry());
      documents.push_back(std::string(cursor->key().bytes()) + "=" +
                          std::string(entry.value.bytes()));
    }
    EXPECT_OK(cursor->status());
    return documents;
  }
  std::shared_ptr<const DocsSnapshot> Read() {
    return Must(engine_->ReadDocs(engine_->Head(), {}));
  }
  std::shared_ptr<const DocsSnapshot> Read(Session& session) {
    return Must(session.ReadDocs(engine_->Head(), {}));
  }
  Seq Find(Session& session, const char* key) {
    return Must(session.FindDocument(Value::Text(key), {}));
  }
  std::vector<Seq> History(Session& session, const char* key) {
    std::vector<Seq> seqs;
    auto cursor = Must(session.ScanHistory(Value::Text(key), {}));
    for (; cursor->Valid(); cursor->Next()) seqs.push_back(cursor->entry().seq);
    EXPECT_OK(cursor->status());
    return seqs;
  }
  // A transaction with a new version of a, and new documents b and c, of which c is deleted.
  std::unique_ptr<Session> Begin() {
    auto own = NewSession();
    Must(own->Append(Value::Text("a"), Value::Text("5"), {}));
    Must(own->Append(Value::Text("b"), Value::Text("6"), {}));
    Must(own->Append(Value::Text("c"), Value::Text("7"), {}));
    Must(own->Append(Value::Text("c"), Value(), {}));
    return own;
  }
};

TEST_F(DocsReaderTest, ReadsWhatIsLive) {
  EXPECT_THAT(Documents(*Read()), ElementsAre("a=3"));
  Session session(engine_);
  EXPECT_EQ(Find(session, "a"), 3u);
  EXPECT_EQ(Find(session, "b"), 0u);
  EXPECT_EQ(Find(session, "c"), 0u);
}

TEST_F(DocsReaderTest, ReadsWhatWasLive) {
  EXPECT_THAT(Documents(*Must(engine_->ReadDocsAsOf(0, {}))), IsEmpty());
  EXPECT_THAT(Documents(*Must(engine_->ReadDocsAsOf(2, {}))), ElementsAre("a=1", "b=2"));
  EXPECT_THAT(Documents(*Must(engine_->ReadDocsAsOf(3, {}))), ElementsAre("a=3", "b=2"));
}

TEST_F(DocsReaderTest, ATransactionsDocumentsReplaceTheCommittedOnes) {
  const auto own = Begin();
  EXPECT_THAT(Documents(*Read(*own)), ElementsAre("a=5", "b=6"));
  EXPECT_EQ(Find(*own, "a"), 5u);
  EXPECT_EQ(Find(*own, "c"), 0u);
  EXPECT_THAT(Documents(*Read()), ElementsAre("a=3"));
  own->Truncate(1);
  EXPECT_THAT(Documents(*Read(*own)), ElementsAre("a=5"));
  EXPECT_EQ(Find(*own, "b"), 0u);
}

TEST_F(DocsReaderTest, InAnyOrderTheyAreTheSame) {
  constexpr int kMany = 1500;
  for (int i = 0; i < kMany; i++) Put("k" + std::to_string(i * 31 % kMany), std::to_string(i));
  for (int i = 0; i < kMany; i += 3) Put("k" + std::to_string(i), "updated");
  for (int i = 0; i < kMany; i += 7) Erase("k" + std::to_string(i));
  const auto own = Begin();
  Must(own->Append(Value::Text("k1"), Value(), {}));
  Must(own->Append(Value::Text("k2"), Value::Text("own"), {}));
  for (const auto& snapshot : {Read(), Read(*own), Must(engine_->ReadDocsAsOf(2000, {}))}) {
    DocRange all;
    all.with_entries = true;
    const std::vector<std::string> by_key = Documents(*snapshot, all);
    all.any_order = true;
    std::vector<std::string> any = Documents(*snapshot, all);
    std::sort(any.begin(), any.end());
    std::vector<std::string> sorted = by_key;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(any, sorted);
    const std::optional<uint64_t> count = Must(snapshot->Count());
    if (count) {
      EXPECT_EQ(*count, by_key.size());
    }
  }
  if (IsRemote()) return;
  EXPECT_EQ(*Must(Read()->Count()), Documents(*Read()).size());
  EXPECT_EQ(*Must(Read(*own)->Count()), Documents(*Read(*own)).size());
}

TEST_F(DocsReaderTest, RangesAndDirections) {
  const auto own = Begin();
  const auto snapshot = Read(*own);
  DocRange range;
  range.reverse = true;
  EXPECT_THAT(Documents(*snapshot, range), ElementsAre("b=6", "a=5"));
  range.upper = KeyBound{Value::Text("b"), /*inclusive=*/false};
  EXPECT_THAT(Documents(*snapshot, range), ElementsAre("a=5"));
  range.lower = KeyBound{Value::Text("a"), /*inclusive=*/false};
  EXPECT_THAT(Documents(*snapshot, range), IsEmpty());
}

TEST_F(DocsReaderTest, ASnapshotOutlivesTheTransactionThatItReads) {
  auto own = Begin();
  const auto snapshot = Read(*own);
  const auto cursor = snapshot->NewCursor({});
  EXPECT_OK(own->Rollback());
  own.reset();
  Put("a", "other");
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(Must(cursor->ReadEntry()).value.bytes(), "5");
  EXPECT_THAT(Documents(*snapshot), ElementsAre("a=5", "b=6"));
}

TEST_F(DocsReaderTest, HistoryIsNewestFirst) {
  Session session(engine_);
  EXPECT_THAT(History(session, "a"), ElementsAre(3, 1));
  EXPECT_THAT(History(session, "b"), ElementsAre(4, 2));
  EXPECT_THAT(History(session, "c"), IsEmpty());
  const auto own = Begin();
  EXPECT_THAT(History(*own, "a"), ElementsAre(5, 3, 1));
  EXPECT_THAT(History(*own, "c"), ElementsAre(8, 7));
}

TEST_F(DocsReaderTest, HistoryOutlivesTheTransactionThatItReads) {
  auto own = Begin();
  const auto cursor = Must(own->ScanHistory(Value::Text("c"), {}));
  EXPECT_OK(own->Rollback());
  own.reset();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_TRUE(cursor->entry().is_tombstone());
  cursor->Next();
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->entry().value.bytes(), "7");
}

// Counting documents, or listing their keys, does not read them.
TEST(DocsCursorTest, ReadsAnEntryOnlyWhereItIsAskedFor) {
  const Stores stores;
  const auto log = Must(Log::Open(stores.log.get(), nullptr));
  const auto docs = Must(DocIndex::Open(log.get(), stores.derived.get()));
  LogWriter writer(log.get());
  writer.Append(Value::Text("a"), Value::Text("1"));
  writer.Commit();
  ASSERT_OK(docs->AdvanceTo(1, {}));
  ASSERT_OK(log->EraseRecords(1, 1, SyncMode::kOff));

  const auto snapshot = Must(ReadDocs(docs.get(), 1, {}));
  const auto cursor = snapshot->NewCursor({});
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->key().bytes(), "a");
  EXPECT_EQ(cursor->seq(), 1u);
  EXPECT_FALSE(cursor->ReadEntry().ok());
}

TEST_F(DocsReaderTest, ATransactionThatHasTheTurnKeepsOthersOut) {
  const auto own = NewSession();
  ASSERT_OK(own->TakeTurn({}));
  ASSERT_OK(own->TakeTurn({}));
  WaitOptions at_once;
  at_once.deadline = WaitOptions::Clock::now();
  const auto other = NewSession();
  EXPECT_EQ(other->TakeTurn(at_once).code(), StatusCode::kBusy);
  EXPECT_EQ(other->Append(Value(), Value(), at_once).status().code(), StatusCode::kBusy);
  ASSERT_OK(own->Rollback());
  EXPECT_OK(other->TakeTurn(at_once));
}

}  // namespace
}  // namespace streamview
