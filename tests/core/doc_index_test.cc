#include "core/docs/doc_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/log/log_transaction.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// The index on a log in memory, without an engine.
class DocIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_ = Must(Log::Open(stores_.log.get(), nullptr));
    docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  }
  void Append(const std::vector<Value>& keys) {
    LogWriter writer(log_.get());
    for (const Value& key : keys) writer.Append(key, Value::Text("{}"));
    writer.Commit();
  }
  std::vector<std::pair<Seq, Seq>> Supersessions(Seq after, Seq upto) {
    std::vector<Supersession> list;
    EXPECT_OK(docs_->ListSupersessions(after, upto, &list));
    std::vector<std::pair<Seq, Seq>> pairs;
    for (const Supersession& s : list) pairs.emplace_back(s.by, s.superseded);
    return pairs;
  }

  Stores stores_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<DocIndex> docs_;
};

const Value kA = Value::Text("a"), kB = Value::Text("b"), kNone{};

TEST_F(DocIndexTest, EachEntryOfADocumentSupersedesTheOneBefore) {
  Append({kA, kB, kA, kNone, kA});
  ASSERT_OK(docs_->AdvanceTo(5, {}));
  EXPECT_THAT(Supersessions(0, 5), ElementsAre(Pair(3, 1), Pair(5, 3)));
  EXPECT_THAT(Supersessions(3, 5), ElementsAre(Pair(5, 3)));
  EXPECT_THAT(Supersessions(0, 4), ElementsAre(Pair(3, 1)));
  EXPECT_EQ(Must(docs_->FindPrevious(5)).seq, 3u);
  EXPECT_EQ(Must(docs_->FindPrevious(1)).seq, 0u);
}

TEST_F(DocIndexTest, FindsTheEntryThatWasTheLatestAtAnyTime) {
  Append({kA, kB, kA});
  Append({kA});
  ASSERT_OK(docs_->AdvanceTo(4, {}));
  EXPECT_EQ(Must(docs_->FindLatest(kA, 4)).seq, 4u);
  EXPECT_EQ(Must(docs_->FindLatest(kA, 3)).seq, 3u);
  EXPECT_EQ(Must(docs_->FindLatest(kA, 2)).seq, 1u);
  EXPECT_EQ(Must(docs_->FindLatest(kB, 1)).seq, 0u);
  EXPECT_EQ(Must(docs_->FindLatest(Value::Text("c"), 4)).seq, 0u);
}

TEST_F(DocIndexTest, KeysThatSqliteFindsEqualAreOneDocument) {
  Append({Value::Integer(1), Value::Real(1.0), Value::Text("1"), Value::Blob("1")});
  ASSERT_OK(docs_->AdvanceTo(4, {}));
  EXPECT_THAT(Supersessions(0, 4), ElementsAre(Pair(2, 1)));
}

TEST_F(DocIndexTest, GoesOnFromItsCheckpointAfterReopening) {
  Append({kA, kA});
  ASSERT_OK(docs_->AdvanceTo(2, {}));
  ASSERT_OK(docs_->Flush());
  Append({kA});
  ASSERT_OK(docs_->AdvanceTo(3, {}));  // not written
  docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  EXPECT_EQ(docs_->checkpoint(), 2u);
  EXPECT_THAT(Supersessions(0, 2), ElementsAre(Pair(2, 1)));
  ASSERT_OK(docs_->AdvanceTo(3, {}));
  EXPECT_THAT(Supersessions(0, 3), ElementsAre(Pair(2, 1), Pair(3, 2)));
}

// So that a restart has little to do again: also where there are few documents, or none.
TEST_F(DocIndexTest, WritesItsCheckpointWhateverTheEntriesAre) {
  constexpr int kEntries = 20'000;
  Append(std::vector<Value>(kEntries, kNone));
  Append(std::vector<Value>(kEntries, kA));
  ASSERT_OK(docs_->AdvanceTo(2 * kEntries, {}));
  docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  EXPECT_GT(docs_->checkpoint(), Seq{2 * kEntries - 2000});
}

// What is in memory, what is written, and what is in both is one index.
TEST_F(DocIndexTest, AnswersTheSameWhateverIsWritten) {
  constexpr int kEntries = 30'000, kDocuments = 7000;
  std::vector<std::pair<Seq, Seq>> expected;  // what each entry superseded
  std::vector<Value> keys;
  std::map<int, Seq> latest;
  for (int i = 0; i < kEntries; i++) {
    const int document = i * 31 % kDocuments;
    keys.push_back(Value::Integer(document));
    const Seq seq = static_cast<Seq>(i) + 1;
    if (latest[document] != 0) expected.emplace_back(seq, latest[document]);
    latest[document] = seq;
  }
  Append(keys);
  for (Seq at = 1000; at <= kEntries; at += 1000) {
    ASSERT_OK(docs_->AdvanceTo(at, {}));
    if (at % 7000 == 0) ASSERT_OK(docs_->Flush());
    if (at % 9000 == 0) ASSERT_OK(docs_->TakeState().status());
    if (at % 5000 != 0) continue;
    const auto end = std::partition_point(expected.begin(), expected.end(),
                                          [&](const auto& pair) { return pair.first <= at; });
    EXPECT_EQ(Supersessions(0, at), std::vector(expected.begin(), end));
    EXPECT_EQ(Supersessions(at - 1, at).size(), at > kDocuments ? 1u : 0u);
    for (auto pair = expected.begin(); pair < end; pair += 97) {
      EXPECT_EQ(Must(docs_->FindPrevious(pair->first)).seq, pair->second);
    }
  }
  for (int document = 0; document < kDocuments; document += 89) {
    EXPECT_EQ(Must(docs_->FindLatest(Value::Integer(document), kEntries)).seq, latest[document]);
  }
}

TEST_F(DocIndexTest, SaysNothingOfWhatItHasNotProcessed) {
  Append({kA, kA});
  std::vector<Supersession> list;
  EXPECT_EQ(docs_->ListSupersessions(0, 1, &list).code(), StatusCode::kDamaged);
  EXPECT_EQ(docs_->FindLatest(kA, 1).status().code(), StatusCode::kDamaged);
  EXPECT_EQ(docs_->FindPrevious(1).status().code(), StatusCode::kDamaged);
}

TEST_F(DocIndexTest, ACheckpointOfAnotherEpochSaysNothing) {
  Append({kA, kA});
  ASSERT_OK(docs_->AdvanceTo(2, {}));
  ASSERT_OK(docs_->Write());
  const auto reopen = [this](const std::string& committed, bool adopt) {
    docs_.reset();
    const auto token = [committed](const std::string&) { return Result<std::string>(committed); };
    log_ = Must(Log::Open(stores_.log.get(), token, adopt));
    docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  };
  reopen("", /*adopt=*/true);  // which fits: the epoch stays
  EXPECT_EQ(log_->epoch(), 1u);
  EXPECT_EQ(docs_->checkpoint(), 2u);
  reopen("of another time", /*adopt=*/true);
  EXPECT_EQ(log_->epoch(), 2u);
  EXPECT_EQ(docs_->checkpoint(), 0u);
  ASSERT_OK(docs_->AdvanceTo(2, {}));
  EXPECT_THAT(Supersessions(0, 2), ElementsAre(Pair(2, 1)));
  ASSERT_OK(docs_->Write());
  reopen("of another time", /*adopt=*/false);
  EXPECT_EQ(log_->epoch(), 2u);
  EXPECT_EQ(docs_->checkpoint(), 2u);
}

TEST_F(DocIndexTest, CountsTheDocumentsThatAreLive) {
  const auto count = [this] { return Must(docs_->TakeState()).documents; };
  const auto erase = [this](const Value& key) {
    LogWriter writer(log_.get());
    writer.Append(key, Value());
    writer.Commit();
  };
  const auto advance = [this] { ASSERT_OK(docs_->AdvanceTo(log_->head(), {})); };
  EXPECT_EQ(count(), 0u);
  Append({kA, kB, kA, kNone});
  advance();
  EXPECT_EQ(count(), 2u);
  erase(kA);
  erase(kA);
  erase(Value::Text("never there"));
  advance();
  EXPECT_EQ(count(), 1u);
  docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  EXPECT_EQ(docs_->checkpoint(), log_->head());
  EXPECT_EQ(count(), 1u);
  Append({kA, kB});
  advance();
  EXPECT_EQ(count(), 2u);
}

// As a version that does not count leaves it: there is none, or an old one.
TEST_F(DocIndexTest, IsMadeAnewWhereItsCountIsNotOfItsCheckpoint) {
  const auto reopen = [this] {
    docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
    return docs_->checkpoint();
  };
  const std::string count_key("\0documents", 10), checkpoint_key("\0checkpoint", 11);
  rocksdb::DB* const db = stores_.derived->db();
  const auto put = [&](const std::string& key, const std::string& value) {
    EXPECT_TRUE(db->Put({}, stores_.derived->docs()->handle(), key, value).ok());
  };
  Append({kA, kA, kB});
  ASSERT_OK(docs_->AdvanceTo(3, {}));
  ASSERT_OK(docs_->Write());
  std::string value;
  EXPECT_TRUE(db->Get({}, stores_.derived->docs()->handle(), count_key, &value).ok());
  EXPECT_EQ(value, std::string("\1\3\2"));
  EXPECT_EQ(reopen(), 3u);
  put(checkpoint_key, "\1\2");
  EXPECT_EQ(reopen(), 0u);
  ASSERT_OK(docs_->AdvanceTo(3, {}));
  EXPECT_EQ(Must(docs_->TakeState()).documents, 2u);
  EXPECT_TRUE(db->Delete({}, stores_.derived->docs()->handle(), count_key).ok());
  EXPECT_EQ(reopen(), 0u);
  ASSERT_OK(docs_->AdvanceTo(3, {}));
  EXPECT_EQ(Must(docs_->TakeState()).documents, 2u);
}

TEST_F(DocIndexTest, KeepsWhatItFoundSuperseded) {
  Append({kA, kA, kB, kA, kB});
  ASSERT_OK(docs_->AdvanceTo(5, {}));
  EXPECT_EQ(Must(docs_->Superseded(5)).size(), 3u);
  EXPECT_EQ(Must(docs_->Superseded(2)).size(), 1u);  // of an earlier state
  EXPECT_EQ(Must(docs_->Superseded(5)).size(), 3u);
  Append({kB});
  ASSERT_OK(docs_->AdvanceTo(6, {}));
  EXPECT_TRUE(Must(docs_->Superseded(6)).Contains(5));
}

TEST_F(DocIndexTest, IsMadeAnewWhereItIsAheadOfTheLog) {
  Append({kA, kA});
  Append({kA});
  ASSERT_OK(docs_->AdvanceTo(3, {}));
  ASSERT_OK(log_->EraseRecords(3, 1, SyncMode::kOff));  // as a machine may lose the log's end
  log_ = Must(Log::Open(stores_.log.get(), nullptr));
  docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
  EXPECT_EQ(docs_->checkpoint(), 0u);
  ASSERT_OK(docs_->AdvanceTo(2, {}));
  EXPECT_THAT(Supersessions(0, 2), ElementsAre(Pair(2, 1)));
  EXPECT_EQ(Must(docs_->FindLatest(kA, 2)).seq, 2u);
}

}  // namespace
}  // namespace streamview
