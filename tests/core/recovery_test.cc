// What opening a log makes of what it finds.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "core/codec/record.h"
#include "core/log/log.h"
#include "core/log/log_reader.h"
#include "core/storage/derived_store.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RecoveryTest : public EngineTest {
 protected:
  // The closed log's databases, to do to them what no engine does.
  Stores OpenStores() { return Stores(directory(), options_.log_id); }

  // Those that hold anything, oldest first.
  std::vector<std::filesystem::path> WriteAheadLogs() const {
    std::vector<std::filesystem::path> logs;
    for (const auto& file : std::filesystem::directory_iterator(directory())) {
      if (file.path().extension() == ".log" && file.file_size() > 0) logs.push_back(file.path());
    }
    std::sort(logs.begin(), logs.end());
    return logs;
  }
};

TEST_F(RecoveryTest, AViewThatIsAheadOfTheLogIsMadeAnew) {
  Open();
  auto tags = CreateTags();
  const std::string id = tags->id();
  Put("a", R"({"tags":["x"]})");
  Put("a", R"({"tags":["y"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("y/NULL/a"));
  tags.reset();
  Close();
  {
    // As a machine may lose the log's unsynced end, but not what was flushed of the view.
    const Stores stores = OpenStores();
    const std::unique_ptr<Log> log = Must(Log::Open(stores.log.get(), nullptr));
    ASSERT_OK(log->EraseRecords(2, 1, SyncMode::kFull));
  }
  Open({id});
  EXPECT_EQ(engine_->Head(), 1u);
  tags = Must(engine_->FindView(id));
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
  Put("b", R"({"tags":["z"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a", "z/NULL/b"));
  EXPECT_OK(tags->CheckIntegrity({}));
  EXPECT_OK(engine_->CheckIntegrity({}));
}

TEST_F(RecoveryTest, ColumnFamiliesOfOthersAreLeftAloneAndOrphansAreRemoved) {
  Open();
  Close();
  {
    const Stores stores = OpenStores();
    rocksdb::DB* const db = stores.log->db();
    rocksdb::ColumnFamilyHandle* theirs = nullptr;
    ASSERT_TRUE(db->CreateColumnFamily({}, "theirs", &theirs).ok());
    ASSERT_TRUE(db->Put({}, theirs, "key", "value").ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(theirs).ok());
    ASSERT_OK(stores.derived->CreateViewFamily("orphan").status());
  }
  Open();
  Close();
  std::vector<std::string> families;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, directory(), &families).ok());
  EXPECT_THAT(families, ElementsAre("default", "log", "theirs"));
  families.clear();
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, DerivedDirectory(directory()), &families).ok());
  EXPECT_THAT(families, ElementsAre("default", "docs"));
}

// Later entries show that what is missing is not an end that was torn off by a crash.
TEST_F(RecoveryTest, AHoleInTheWriteAheadLogBeforeLaterEntriesIsRefused) {
  namespace fs = std::filesystem;
  Open();
  Close();
  const fs::path kept = root() / "kept";
  {
    const Stores stores = OpenStores();
    const std::unique_ptr<Log> log = Must(Log::Open(stores.log.get(), nullptr));
    const auto append = [&log](const std::string& value) {
      Must(log->AppendNow(Value::Text("a"), Value::Text(value), SyncMode::kFull, {}));
    };
    append(std::string(1000, 'x'));
    // In the metadata, which are not flushed: so the older write-ahead log stays.
    ASSERT_TRUE(stores.log->db()->Put({}, stores.log->meta(), "other", "metadata").ok());
    ASSERT_OK(stores.log->FlushWal(/*sync=*/true));
    ASSERT_OK(stores.log->Flush(stores.log->log()));
    append("later");
    fs::copy(directory(), kept, fs::copy_options::recursive);
  }
  const auto restore = [&] {
    fs::remove_all(directory());
    fs::copy(kept, directory(), fs::copy_options::recursive);
  };
  restore();
  const std::vector<fs::path> logs = WriteAheadLogs();
  ASSERT_EQ(logs.size(), 2u);
  const fs::path& older = logs.front();
  const uint64_t size = fs::file_size(older);
  const std::function<void()> damages[] = {
      [&] { fs::remove(older); },
      [&] { fs::resize_file(older, 0); },
      [&] { fs::resize_file(older, size - 1); },
      [&] { fs::resize_file(older, size / 2); },
      [&] { std::fstream(older).seekp(static_cast<std::streamoff>(size / 2)).put('\0'); },
  };
  for (const auto& damage : damages) {
    restore();
    damage();
    const Status refused = OpenEngine(options_).status();
    EXPECT_EQ(refused.code(), StatusCode::kCorruption) << refused.message();
    EXPECT_THAT(refused.message(), HasSubstr(directory()));
  }
  restore();
  Open();
  EXPECT_EQ(engine_->Head(), 2u);
}

TEST_F(RecoveryTest, AFlushLeavesNoWriteAheadLog) {
  Open();
  CreateTags();
  Put("a", std::string(1 << 20, 'x'));
  EXPECT_FALSE(WriteAheadLogs().empty());
  ASSERT_OK(engine_->FlushLog());
  EXPECT_THAT(WriteAheadLogs(), ElementsAre());
}

TEST_F(RecoveryTest, AViewWithADamagedCheckpointIsMadeAnew) {
  Open();
  std::string id = CreateTags()->id();
  Put("a", R"({"tags":["x"]})");
  Close();
  {
    const Stores stores = OpenStores();
    const auto family = stores.derived->TakeViewFamilies().at(0);
    const std::string key("\0checkpoint", 11);
    ASSERT_TRUE(stores.derived->db()->Put({}, family->handle(), key, "\xff\xff").ok());
    ASSERT_OK(stores.derived->Flush(family->handle()));
  }
  Open({id});
  const auto tags = Must(engine_->FindView(id));
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(RecoveryTest, AViewOfAnotherEpochIsMadeAnew) {
  Open();
  auto tags = CreateTags();
  const std::string id = tags->id();
  Put("a", R"({"tags":["x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
  ASSERT_OK(tags->Flush());
  tags.reset();
  Close();
  {
    // The same numbers, other entries: as where another log was put into the directory.
    const Stores stores = OpenStores();
    const auto token = [](const std::string&) { return Result<std::string>("of another time"); };
    const std::unique_ptr<Log> log = Must(Log::Open(stores.log.get(), token, /*adopt=*/true));
    EXPECT_EQ(log->epoch(), 2u);
    ASSERT_OK(log->TakeTurn({}));
    ASSERT_OK(log->EraseRecords(1, 1, SyncMode::kFull));
    std::string record;
    AppendRecord(&record, 1, ValueView::Text("b"), ValueView::Text(R"({"tags":["y"]})"));
    ASSERT_OK(
        log->WriteRecords(1, {std::make_shared<const std::string>(record)}, SyncMode::kFull, ""));
    log->ReleaseTurn();
  }
  Open({id});
  tags = Must(engine_->FindView(id));
  EXPECT_THAT(Rows(*tags), ElementsAre("y/NULL/b"));
  EXPECT_OK(tags->CheckIntegrity({}));
}

TEST_F(RecoveryTest, ADamagedCatalogEntryDoesNotKeepTheLogFromOpening) {
  Open();
  const std::string id = CreateTags()->id();
  Put("a", R"({"tags":["x"]})");
  Close();
  {
    const Stores stores = OpenStores();
    ASSERT_TRUE(stores.log->db()->Put({}, stores.log->meta(), "view/" + id, "?").ok());
  }
  Open({id});
  EXPECT_EQ(engine_->Head(), 1u);
  EXPECT_EQ(engine_->FindView(id).status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Rows(*Must(engine_->CreateView(TagsDefinition(), id))), ElementsAre("x/NULL/a"));
}

// Which entries each view was given, in order of time.
class SharedPassTest : public EngineTest {
 protected:
  class Recorder final : public Mapper {
   public:
    Recorder(SharedPassTest* test, std::string view) : test_(test), view_(std::move(view)) {}
    Status Map(const Entry& entry, Emitter&) override {
      MutexLock lock(test_->mutex_);
      while (!test_->begun_) test_->begin_.Wait(test_->mutex_);
      test_->order_.push_back({view_, entry.seq});
      return Status::Ok();
    }

   private:
    SharedPassTest* const test_;
    const std::string view_;
  };
  struct Mapped {
    std::string view;
    Seq seq;
  };
  ViewDefinition Definition(const std::string& name) {
    ViewDefinition definition = TagsDefinition();
    definition.name = name;
    definition.kind = MapKind::kSql;
    return definition;
  }

  Mutex mutex_;
  CondVar begin_;
  bool begun_ GUARDED_BY(mutex_) = false;  // until then no view gets past its first entry
  std::vector<Mapped> order_ GUARDED_BY(mutex_);
};

TEST_F(SharedPassTest, ViewsThatBuildAtTheSameTimeReadTheLogOnce) {
  constexpr Seq kEntries = 20'000;
  options_.mapper_factory = [this](const ViewDefinition& d) {
    return Result<std::unique_ptr<Mapper>>(std::make_unique<Recorder>(this, d.name));
  };
  Open();
  const auto session = NewSession();
  for (Seq i = 0; i < kEntries; i++) {
    Must(session->Append(Value(), Value::Text("entry"), {}));
  }
  ASSERT_OK(session->Prepare(SyncMode::kOff));
  session->Commit();
  const auto one = Must(engine_->CreateView(Definition("one")));
  const auto two = Must(engine_->CreateView(Definition("two")));
  {
    MutexLock lock(mutex_);
    begun_ = true;
    begin_.NotifyAll();
  }
  while (one->checkpoint() < kEntries || two->checkpoint() < kEntries) std::this_thread::yield();

  // The second may begin some batches late, and then goes on faster until they meet: from there on
  // each batch is for both.
  MutexLock lock(mutex_);
  std::map<std::string, Seq> at;
  Seq apart = 0;
  for (const Mapped& mapped : order_) {
    at[mapped.view] = mapped.seq;
    const Seq ahead = std::max(at["one"], at["two"]), behind = std::min(at["one"], at["two"]);
    if (behind > kEntries / 2) apart = std::max(apart, ahead - behind);
  }
  EXPECT_EQ(order_.size(), 2 * kEntries);
  EXPECT_LE(apart, kBatchEntries);
}

}  // namespace
}  // namespace streamview
