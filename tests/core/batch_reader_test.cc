#include "core/log/batch_reader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/codec/varint.h"
#include "core/log/log.h"
#include "core/log/log_transaction.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

// A log of thirty batches, none of it in memory any more.
class BatchReaderTest : public ::testing::Test {
 protected:
  static constexpr Seq kHead = 30 * kBatchEntries;

  void SetUp() override {
    log_ = Must(Log::Open(stores_.log.get(), nullptr));
    {
      LogWriter writer(log_.get());
      for (Seq seq = 1; seq <= kHead; seq++) {
        const auto key = Value::Integer(static_cast<int64_t>(seq));
        writer.Append(key, Value::Text("value"));
      }
      writer.Commit();
    }
    Reopen();
    ASSERT_TRUE(log_->FindRecent(kHead, kHead, 1).empty());
    batches_->EnableReadingAhead();
  }
  void Reopen() {
    batches_.reset();
    log_ = Must(Log::Open(stores_.log.get(), nullptr));
    batches_ = std::make_unique<BatchReader>(log_.get());
  }
  SharedBatch Read(Seq first, Seq last = kHead) {
    SharedBatch batch = Must(batches_->Read(first, last));
    EXPECT_TRUE(batch->Has(first));
    EXPECT_LE(batch->last(), last);
    for (const Entry& entry : batch->From(first)) {
      EXPECT_EQ(entry.key.integer(), static_cast<int64_t>(entry.seq));
    }
    return batch;
  }
  // From `from` to the head; whether every entry came once.
  bool Follow(Seq from) {
    Seq seq = from;
    while (seq < kHead) {
      const Result<SharedBatch> batch = batches_->Read(seq + 1, kHead);
      if (!batch.ok() || !(*batch)->Has(seq + 1)) return false;
      for (const Entry& entry : (*batch)->From(seq + 1)) {
        if (entry.seq != ++seq || entry.key.integer() != static_cast<int64_t>(seq)) return false;
      }
    }
    return seq == kHead;
  }
  // Comes to `seq` from the batch before it, until the thread was there first: then there is one
  // batch for all. (Nobody waits for it for long.)
  SharedBatch AwaitAhead(Seq seq) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      Read(seq - kBatchEntries);
      SharedBatch batch = Read(seq);
      if (batch == Read(seq)) return batch;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "entry " << seq << " is not read ahead";
        return batch;
      }
      std::this_thread::yield();
    }
  }
  std::string KeyOf(Seq seq) {
    std::string key;
    AppendBigEndian64(&key, seq);
    return key;
  }

  Stores stores_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<BatchReader> batches_;
};

TEST_F(BatchReaderTest, GivesEveryEntryOnce) {
  EXPECT_TRUE(Follow(0));
  EXPECT_TRUE(Follow(kBatchEntries / 2));
}

TEST_F(BatchReaderTest, WhoeverIsAtTheSamePlaceGetsTheSameBatch) {
  Read(1);
  const SharedBatch second = AwaitAhead(kBatchEntries + 1);
  EXPECT_EQ(second, Read(kBatchEntries + 7));
  EXPECT_EQ(second, Read(2 * kBatchEntries));
  const SharedBatch third = AwaitAhead(2 * kBatchEntries + 1);
  EXPECT_NE(second, third);
  EXPECT_EQ(second, Read(kBatchEntries + 1));  // still
}

TEST_F(BatchReaderTest, WhoIsElsewhereDoesNotDisturb) {
  Read(1);
  const SharedBatch second = AwaitAhead(kBatchEntries + 1);
  const SharedBatch elsewhere = Read(25 * kBatchEntries);
  EXPECT_EQ(elsewhere->first(), 25 * kBatchEntries);
  EXPECT_NE(elsewhere, Read(25 * kBatchEntries));
  EXPECT_EQ(second, Read(kBatchEntries + 1));
}

TEST_F(BatchReaderTest, APlaceThatWasLeftIsNotReadAheadOf) {
  Read(1);
  EXPECT_EQ(AwaitAhead(26 * kBatchEntries)->first(), 26 * kBatchEntries);
}

TEST_F(BatchReaderTest, WithoutReadingAheadNothingIsKept) {
  Reopen();
  for (int i = 0; i < 50; i++) {
    Read(1);
    EXPECT_NE(Read(kBatchEntries + 1), Read(kBatchEntries + 1));
  }
  EXPECT_TRUE(Follow(0));
}

TEST_F(BatchReaderTest, NearItsEndARangeIsReadAsItIs) {
  const SharedBatch batch = Read(kHead - 10, kHead - 5);
  EXPECT_EQ(batch->first(), kHead - 10);
  EXPECT_EQ(batch->last(), kHead - 5);
}

TEST_F(BatchReaderTest, WhatWasForgottenIsReadAnew) {
  Read(1);
  const SharedBatch second = AwaitAhead(kBatchEntries + 1);
  batches_->Forget();
  EXPECT_NE(second, Read(kBatchEntries + 1));
  EXPECT_TRUE(Follow(0));
}

TEST_F(BatchReaderTest, AnErrorIsForWhoAsksForTheEntry) {
  constexpr Seq kMissing = 3 * kBatchEntries + 1;
  const std::string key = KeyOf(kMissing);
  std::string bytes;
  ASSERT_TRUE(stores_.log->db()->Get({}, stores_.log->log(), key, &bytes).ok());
  ASSERT_TRUE(stores_.log->db()->Delete({}, stores_.log->log(), key).ok());
  Read(1);
  AwaitAhead(2 * kBatchEntries + 1);  // the thread came as far as it could
  const auto missing = [&] { return batches_->Read(kMissing, kHead); };
  EXPECT_EQ(missing().status().code(), StatusCode::kCorruption);
  EXPECT_EQ(missing().status().code(), StatusCode::kCorruption);
  ASSERT_TRUE(stores_.log->db()->Put({}, stores_.log->log(), key, bytes).ok());
  EXPECT_TRUE(missing().ok());
  EXPECT_TRUE(Follow(0));
}

TEST_F(BatchReaderTest, ALogMayBeClosedWhileItIsReadAhead) {
  for (int i = 0; i < 20; i++) {
    Read(1);
    Reopen();
    batches_->EnableReadingAhead();
  }
}

TEST_F(BatchReaderTest, ManyThreadsFollowFromManyPlaces) {
  std::vector<std::thread> threads;
  for (const Seq from : {0u, 0u, 700u, 20'000u}) {
    threads.emplace_back([this, from] {
      for (int i = 0; i < 5; i++) EXPECT_TRUE(Follow(from));
    });
  }
  threads.emplace_back([this] {
    for (int i = 0; i < 200; i++) batches_->Forget();
  });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace streamview
