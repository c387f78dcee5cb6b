// Logs whose directory holds what no log would write: refused, or an error of who reads it; never a
// loop without end, or memory without bound. (tests/fuzz/stored_log.cc looks for more of them.)

#include "core/codec/key_codec.h"
#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/docs/doc_index.h"
#include "core/log/log.h"
#include "core/storage/rocks.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using std::string_literals::operator""s;
using ::testing::HasSubstr;

class StoredLogTest : public EngineTest {
 protected:
  StoredLogTest() {
    Open();
    Put("a", "{}");
    Put("a", "[]");
    Must(engine_->ReadDocs(2, WaitOptions()));
    EXPECT_OK(engine_->FlushLog());  // so that the document index is on disk, too
    Close();
  }

  std::unique_ptr<LogStore> OpenStore() {
    StoreOptions options;
    options.directory = directory();
    return Must(LogStore::Open(options));
  }
  // Into the document index.
  void PutDocs(const std::string& key, const std::string& value) {
    StoreOptions options;
    options.directory = directory();
    const auto store = Must(DerivedStore::Open(options, options_.log_id));
    const auto family = store->docs();
    PutBytes(store.get(), family->handle(), key, value);
    ASSERT_OK(store->Flush(family->handle()));
  }
  static void PutBytes(Database* store, rocksdb::ColumnFamilyHandle* family, const std::string& key,
                       const std::string& value) {
    ASSERT_TRUE(store->db()->Put(rocksdb::WriteOptions(), family, key, value).ok());
  }
  static std::string SeqBytes(Seq seq) {
    std::string bytes;
    AppendBigEndian64(&bytes, seq);
    return bytes;
  }
  static std::string Version(Seq seq) {
    std::string bytes;
    AppendVersion(&bytes, {seq, false, false});
    return bytes;
  }
  static std::string Varint(uint64_t v) {
    std::string bytes;
    AppendVarint(&bytes, v);
    return bytes;
  }
  static std::string Record() {
    std::string record;
    AppendRecord(&record, 1, ValueView::Text("b"), ValueView::Text("{}"));
    return record;
  }
  void PutLogEntry(Seq seq) {
    const auto store = OpenStore();
    PutBytes(store.get(), store->log(), SeqBytes(seq), Record());
  }
  std::string WhyNotOpened() {
    const auto opened = OpenEngine(options_);
    EXPECT_EQ(opened.status().code(), StatusCode::kCorruption);
    return opened.status().message();
  }
  Status ReadHistory() {
    const auto history = engine_->ScanHistory(ValueView::Text("a"), WaitOptions());
    if (!history.ok()) return history.status();
    for (int n = 0; n < 10 && (*history)->Valid(); n++) (*history)->Next();
    EXPECT_FALSE((*history)->Valid());
    return (*history)->status();
  }
};

TEST_F(StoredLogTest, ANumberThatNoLogReachesIsRefused) {
  PutLogEntry(kMaxSeq + 1);
  EXPECT_THAT(WhyNotOpened(), HasSubstr("the log's last entry has an impossible number"));
}

TEST_F(StoredLogTest, ALogThatEndsWithinATransactionIsRefused) {
  {
    const auto store = OpenStore();
    std::string record = Record();
    record[0] = ContinuesMark(record[0]);
    PutBytes(store.get(), store->log(), SeqBytes(3), record);
  }
  EXPECT_THAT(WhyNotOpened(), HasSubstr("the log ends within a transaction"));
}

TEST_F(StoredLogTest, AFullLogTakesNoMore) {
  PutLogEntry(kMaxSeq);
  Open();
  const Status full =
      engine_->AppendNow(ValueView(), ValueView(), SyncMode::kOff, WaitOptions()).status();
  EXPECT_EQ(full.code(), StatusCode::kConstraint);
  EXPECT_THAT(full.message(), HasSubstr("the log is full: it can have 1099511627776 entries"));
  const auto session = NewSession();
  EXPECT_EQ(session->Append(ValueView(), ValueView(), WaitOptions()).status().code(),
            StatusCode::kConstraint);
}

TEST_F(StoredLogTest, ATransactionThatIsNotAtTheEndIsNotTakenBack) {
  const std::string conditional =
      Varint(1) + Varint(2) + Varint(3) + "new" + Varint(3) + "old";  // but entry 1 ends one
  {
    const auto store = OpenStore();
    PutBytes(store.get(), store->meta(), "conditional", conditional);
  }
  options_.committed_token = [](const std::string&) { return Result<std::string>("old"); };
  EXPECT_THAT(WhyNotOpened(), HasSubstr("last transaction is not at its end"));
}

TEST_F(StoredLogTest, ATransactionOfMoreEntriesThanThereAreIsRefused) {
  {
    const auto store = OpenStore();
    PutBytes(store.get(), store->meta(), "conditional",
             Varint(3 - (uint64_t{1} << 63)) + Varint(uint64_t{1} << 63) + Varint(0) + Varint(0));
  }
  EXPECT_THAT(WhyNotOpened(), HasSubstr("what the log says of its last transaction is malformed"));
}

TEST_F(StoredLogTest, AVersionThatSupersedesItselfIsDamage) {
  PutDocs("\1" + SeqBytes(2), Version(2));
  Open();
  EXPECT_EQ(ReadHistory().code(), StatusCode::kDamaged);
  // The next one finds the index made anew.
  EXPECT_OK(ReadHistory());
  EXPECT_OK(engine_->CheckIntegrity(WaitOptions()));
  EXPECT_THAT(engine_->GetLogStatus().derived_error, HasSubstr("supersede one that is not before"));
}

TEST_F(StoredLogTest, ADocumentIndexWithAKeyOfAnotherLengthIsMadeAnew) {
  PutDocs("\1", Version(1));
  Open();
  EXPECT_OK(ReadHistory());
  EXPECT_THAT(engine_->GetLogStatus().derived_error, HasSubstr("malformed"));
}

TEST_F(StoredLogTest, AVersionPastTheLogIsDamage) {
  std::string key;
  AppendKeyColumn(&key, ValueView::Text("a"));
  PutDocs(key, Version(uint64_t{1} << 50));
  options_.background = false;
  Open();
  EXPECT_EQ(Put("a", "{}"), 3u);
  EXPECT_OK(ReadHistory());  // of an index that was made anew
  EXPECT_THAT(engine_->GetLogStatus().derived_error, HasSubstr("supersede one that is not before"));
}

}  // namespace
}  // namespace streamview
