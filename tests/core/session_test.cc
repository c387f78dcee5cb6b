// A session: own entries over committed ones, in the log, the documents and the views.

#include "core/session/session.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tests/core/engine_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SessionTest : public EngineTest {
 protected:
  static Seq PutIn(Session& session, const Value& key, const std::string& json) {
    return Must(session.Append(key, json.empty() ? Value() : Value::Text(json), {}));
  }
  static void Commit(Session& session) {
    EXPECT_OK(session.Prepare(SyncMode::kOff));
    session.Commit();
  }
};

TEST_F(SessionTest, AReaderWithoutOwnEntriesGetsWhatTheEngineGives) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  Session session(engine_);
  EXPECT_NE(dynamic_cast<const CommittedView*>(Must(session.ReadView(tags, 1, {})).get()), nullptr);
  ASSERT_OK(session.TakeTurn({}));
  EXPECT_NE(dynamic_cast<const CommittedView*>(Must(session.ReadView(tags, 1, {})).get()), nullptr);
  PutIn(session, Value::Text("b"), "{}");
  EXPECT_EQ(dynamic_cast<const CommittedView*>(Must(session.ReadView(tags, 1, {})).get()), nullptr);
}

TEST_F(SessionTest, HowFreshAReadMustBe) {
  Open();
  Put("a", "1");
  Session session(engine_);
  EXPECT_EQ(session.RequiredSeq(Consistency::kSession), 1u);  // as of its beginning
  Put("a", "2");
  EXPECT_EQ(session.RequiredSeq(Consistency::kSession), 1u);
  EXPECT_EQ(session.RequiredSeq(Consistency::kLatest), kLatest);
  EXPECT_EQ(session.RequiredSeq(Consistency::kEventual), 0u);
  session.NoteSeen(2);
  session.NoteSeen(1);
  EXPECT_EQ(session.RequiredSeq(Consistency::kSession), 2u);
  // Own entries count once they are committed: no view can have processed them before.
  PutIn(session, Value::Text("a"), "3");
  EXPECT_EQ(session.RequiredSeq(Consistency::kSession), 2u);
  Commit(session);
  EXPECT_EQ(session.RequiredSeq(Consistency::kSession), 3u);
  EXPECT_EQ(Must(session.AppendNow(Value(), Value(), SyncMode::kOff, {})), 4u);
  EXPECT_EQ(session.RequiredSeq(Consistency::kSession), 4u);
}

TEST_F(SessionTest, AScanOfTheLogSaysWhatItShowsARangeOf) {
  Open();
  for (const char* value : {"1", "2", "3"}) Put("a", value);
  Session session(engine_);
  const auto seqs = [&](const LogRange& range, const LogSnapshot& snapshot) {
    std::vector<Seq> found;
    for (auto c = ScanLog(*engine_, range, snapshot); c->Valid(); c->Next()) {
      found.push_back(c->entry().seq);
    }
    return found;
  };
  LogSnapshot part, all, own;
  (void)session.ScanLog({1, 2}, &part);
  (void)session.ScanLog({1, kLatest}, &all);
  PutIn(session, Value(), "4");
  (void)session.ScanLog({2, 2}, &own);
  Commit(session);
  EXPECT_EQ(part.head, 3u);
  EXPECT_EQ(all.head, 3u);
  EXPECT_EQ(seqs({2, kLatest}, part), (std::vector<Seq>{2, 3}));
  EXPECT_EQ(seqs({2, kLatest}, own), (std::vector<Seq>{2, 3, 4}));
  EXPECT_EQ(seqs({2, kLatest, /*reverse=*/true}, own), (std::vector<Seq>{4, 3, 2}));
}

TEST_F(SessionTest, KnowsTheLastEntryThatItAppended) {
  Open();
  Put("a", "1");
  Session session(engine_);
  EXPECT_EQ(session.last_own_seq(), std::nullopt);
  PutIn(session, Value(), "2");
  EXPECT_EQ(session.last_own_seq(), 2u);
  ASSERT_OK(session.Rollback());
  EXPECT_EQ(session.last_own_seq(), std::nullopt);
  PutIn(session, Value(), "2");
  Commit(session);
  Put("a", "3");
  EXPECT_EQ(session.last_own_seq(), 2u);
}

TEST_F(SessionTest, GivesTheTurnBackHoweverTheTransactionEnds) {
  Open();
  WaitOptions at_once;
  at_once.deadline = WaitOptions::Clock::now();
  Session other(engine_);
  for (int way = 0; way < 4; way++) {
    Session session(engine_);
    ASSERT_OK(session.TakeTurn({}));
    EXPECT_EQ(other.TakeTurn(at_once).code(), StatusCode::kBusy);
    EXPECT_FALSE(other.has_turn());
    if (way == 0) session.Commit();
    if (way == 1) ASSERT_OK(session.Rollback());
    if (way == 2) session.Close();
    if (way == 3) PutIn(session, Value(), "lost");
  }
  EXPECT_OK(other.TakeTurn(at_once));
  EXPECT_EQ(engine_->Head(), 0u);
}

TEST_F(SessionTest, AnEntryThatSupersedesAnotherOfTheTransactionHidesItsRows) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x","y"]})");
  const auto session = NewSession();
  PutIn(*session, Value::Text("a"), R"({"tags":["y","z"],"at":1})");
  EXPECT_THAT(RowsSeenBy(*session, tags), ElementsAre("y/1/a", "z/1/a"));
  PutIn(*session, Value::Text("a"), R"({"tags":["z"],"at":2})");
  EXPECT_THAT(RowsSeenBy(*session, tags), ElementsAre("z/2/a"));
  PutIn(*session, Value::Text("a"), "");
  EXPECT_THAT(RowsSeenBy(*session, tags), IsEmpty());
  session->Truncate(1);
  EXPECT_THAT(RowsSeenBy(*session, tags), ElementsAre("y/1/a", "z/1/a"));
}

TEST_F(SessionTest, ARowSaysWhichDocumentItComesFrom) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  const auto session = NewSession();
  PutIn(*session, Value::Text("b"), R"({"tags":["y"]})");
  const auto rows = Must(session->ReadView(tags, 1, {}))->NewCursor({});
  ASSERT_TRUE(rows->Valid());
  EXPECT_EQ(rows->seq(), 1u);
  EXPECT_EQ(Must(rows->ReadDocument()).view().bytes(), R"({"tags":["x"]})");
  const int64_t first = rows->row_id();
  rows->Next();
  ASSERT_TRUE(rows->Valid());
  EXPECT_EQ(rows->seq(), 2u);
  EXPECT_EQ(Must(rows->ReadDocument()).view().bytes(), R"({"tags":["y"]})");
  EXPECT_NE(rows->row_id(), first);
}

// Emits one row for each entry, and counts what it maps.
class CountingMapper final : public Mapper {
 public:
  explicit CountingMapper(std::atomic<int>* mapped) : mapped_(mapped) {}
  Status Map(const Entry&, Emitter& emitter) override {
    ++*mapped_;
    const ValueView row[] = {ValueView::Text("x"), ValueView::Null()};
    return emitter.Emit(row);
  }

 private:
  std::atomic<int>* const mapped_;
};

TEST_F(SessionTest, MapsEachOwnEntryOnceByAMapperOfItsOwn) {
  std::atomic<int> mapped{0}, made{0};
  options_.mapper_factory = [&](const ViewDefinition&) -> Result<std::unique_ptr<Mapper>> {
    ++made;
    return std::unique_ptr<Mapper>(std::make_unique<CountingMapper>(&mapped));
  };
  Open();
  ViewDefinition definition = TagsDefinition();
  definition.kind = MapKind::kCustom;
  definition.map = "count";
  const auto view = Must(engine_->CreateView(definition));
  const auto session = NewSession();
  for (int i = 1; i <= 5; i++) {
    PutIn(*session, Value::Integer(i), "{}");
    for (int n = 0; n < 3; n++) EXPECT_EQ(RowsSeenBy(*session, view).size(), size_t(i));
    EXPECT_EQ(mapped, i);
  }
  ASSERT_OK(session->Rollback());
  PutIn(*session, Value(), "{}");
  EXPECT_EQ(RowsSeenBy(*session, view).size(), 1u);
  EXPECT_EQ(made, 2);  // the engine's and the session's
}

TEST_F(SessionTest, AnOwnEntryThatCannotBeMapped) {
  Open();
  ViewDefinition definition = TagsDefinition();
  const auto skips = Must(engine_->CreateView(definition));
  definition.on_error = OnError::kStop;
  const auto stops = Must(engine_->CreateView(definition));
  const auto session = NewSession();
  PutIn(*session, Value::Text("a"), R"({"tags":["x"]})");
  PutIn(*session, Value::Text("a"), "no JSON");
  EXPECT_THAT(RowsSeenBy(*session, skips), IsEmpty());
  const Status stopped = session->ReadView(stops, 0, {}).status();
  EXPECT_EQ(stopped.code(), StatusCode::kFailed);
  EXPECT_THAT(stopped.message(), HasSubstr("'a'"));
  session->Truncate(1);
  EXPECT_THAT(RowsSeenBy(*session, stops), ElementsAre("x/NULL/a"));
}

TEST_F(SessionTest, MappingOwnEntriesIsInterrupted) {
  Open();
  const auto tags = CreateTags();
  const auto session = NewSession();
  PutIn(*session, Value::Text("a"), R"({"tags":["x"]})");
  WaitOptions interrupted;
  interrupted.interrupted = [] { return true; };
  EXPECT_EQ(session->ReadView(tags, 0, interrupted).status().code(), StatusCode::kInterrupted);
  EXPECT_THAT(RowsSeenBy(*session, tags), ElementsAre("x/NULL/a"));
}

// Own entries lie over the view as it is, however far it lags.
TEST_F(SessionTest, AViewThatLagsIsOverlaidAsItIs) {
  options_.background = false;
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  Rows(*tags);
  Put("a", R"({"tags":["y"]})");
  Put("b", R"({"tags":["y"]})");
  const auto session = NewSession();
  PutIn(*session, Value::Text("c"), R"({"tags":["z"]})");
  EXPECT_THAT(RowsOf(*Must(session->ReadView(tags, 0, {}))), ElementsAre("x/NULL/a", "z/NULL/c"));
  PutIn(*session, Value::Text("a"), R"({"tags":["w"]})");
  EXPECT_THAT(RowsOf(*Must(session->ReadView(tags, 0, {}))), ElementsAre("w/NULL/a", "z/NULL/c"));
  EXPECT_THAT(RowsSeenBy(*session, tags), ElementsAre("w/NULL/a", "y/NULL/b", "z/NULL/c"));
}

// --- against a model

// All entries of a log, committed and own, and what can be read of them.
class SessionModel {
 public:
  struct ModelEntry {
    std::string key;   // empty: an event
    std::string tags;  // a letter each
    bool is_tombstone;
  };

  std::vector<ModelEntry> entries;

  static std::string Json(const ModelEntry& entry) {
    if (entry.is_tombstone) return "";
    std::string json = R"({"tags":[)";
    for (const char tag : entry.tags)
      json += (json.back() == '[' ? "\"" : ",\"") + (tag + std::string("\""));
    return json + "]}";
  }

  std::vector<Seq> Log() const {
    std::vector<Seq> seqs;
    for (Seq seq = 1; seq <= entries.size(); seq++) seqs.push_back(seq);
    return seqs;
  }
  std::vector<Seq> History(const std::string& key) const {
    std::vector<Seq> seqs;
    for (Seq seq = entries.size(); seq > 0; seq--) {
      if (entries[seq - 1].key == key) seqs.push_back(seq);
    }
    return seqs;
  }
  // The live documents by key.
  std::map<std::string, Seq> Documents() const {
    std::map<std::string, Seq> documents;
    for (Seq seq = 1; seq <= entries.size(); seq++) {
      const ModelEntry& entry = entries[seq - 1];
      if (entry.key.empty()) continue;
      documents[entry.key] = seq;
      if (entry.is_tombstone) documents.erase(entry.key);
    }
    return documents;
  }
  std::vector<std::string> Rows() const {
    std::vector<std::tuple<char, Seq, std::string>> rows;  // the key of a row; events come first
    const std::map<std::string, Seq> documents = Documents();
    for (Seq seq = 1; seq <= entries.size(); seq++) {
      const ModelEntry& entry = entries[seq - 1];
      const auto live = documents.find(entry.key);
      if (!entry.key.empty() && (live == documents.end() || live->second != seq)) continue;
      const Seq number = entry.key.empty() ? seq : kMaxSeq;
      for (const char tag : entry.tags) rows.emplace_back(tag, number, entry.key);
    }
    std::sort(rows.begin(), rows.end());
    std::vector<std::string> texts;
    for (const auto& [tag, number, key] : rows) {
      texts.push_back(std::string(1, tag) + "/NULL/" +
                      (key.empty() ? std::to_string(number) : key));
    }
    return texts;
  }
  std::vector<std::string> Counts() const {
    std::map<std::string, int> counts;
    for (const std::string& row : Rows()) counts[row.substr(0, 1)]++;
    std::vector<std::string> texts;
    for (const auto& [tag, count] : counts) {
      texts.push_back(tag + "/" + std::to_string(count) + "/NULL");
    }
    return texts;
  }
};

class SessionModelTest : public SessionTest {
 protected:
  static constexpr const char* kKeys[] = {"a", "b", "c", "d", "e"};

  // What was read once, to be looked at again later.
  struct Held {
    LogSnapshot log;
    std::shared_ptr<const DocsSnapshot> docs;
    std::shared_ptr<const ViewSnapshot> rows, counts;
    SessionModel model;
  };

  void SetUp() override {
    Open();
    ViewDefinition counts = TagsDefinition();
    counts.reduce = Reduce::kCount;
    tags_ = CreateTags();
    counts_ = Must(engine_->CreateView(counts));
  }

  SessionModel::ModelEntry RandomEntry() {
    SessionModel::ModelEntry entry{};
    if (!random_.OneIn(6)) entry.key = kKeys[random_.Below(std::size(kKeys))];
    entry.is_tombstone = !entry.key.empty() && random_.OneIn(5);
    for (char tag = 'p'; tag < 't' && !entry.is_tombstone; tag++) {
      if (random_.OneIn(2)) entry.tags += tag;
    }
    return entry;
  }

  void AppendRandom(Session& session, SessionModel* model) {
    model->entries.push_back(RandomEntry());
    const SessionModel::ModelEntry& entry = model->entries.back();
    const Value key = entry.key.empty() ? Value() : Value::Text(entry.key);
    EXPECT_EQ(PutIn(session, key, SessionModel::Json(entry)), model->entries.size());
  }

  Held Hold(Session& session, const SessionModel& model) {
    LogSnapshot log;
    (void)session.ScanLog({1, 1}, &log);
    return {log, Must(session.ReadDocs(engine_->Head(), {})),
            Must(session.ReadView(tags_, engine_->Head(), {})),
            Must(session.ReadView(counts_, engine_->Head(), {})), model};
  }

  template <typename T>
  static std::vector<T> InOrder(std::vector<T> expected, bool reverse) {
    if (reverse) std::reverse(expected.begin(), expected.end());
    return expected;
  }

  void Check(const Held& held) {
    const bool reverse = random_.OneIn(2);
    std::vector<Seq> seqs;
    const auto log = ScanLog(*engine_, {1, UINT64_MAX, reverse}, held.log);
    for (; log->Valid(); log->Next()) seqs.push_back(log->entry().seq);
    EXPECT_EQ(seqs, InOrder(held.model.Log(), reverse));

    std::vector<std::pair<std::string, Seq>> documents;
    DocRange all;
    all.reverse = reverse;
    const auto live = held.docs->NewCursor(all);
    for (; live->Valid(); live->Next()) {
      documents.emplace_back(live->key().bytes(), live->seq());
      EXPECT_EQ(Must(live->ReadEntry()).seq, live->seq());
    }
    const std::map<std::string, Seq> expected = held.model.Documents();
    EXPECT_EQ(documents,
              InOrder(std::vector<std::pair<std::string, Seq>>(expected.begin(), expected.end()),
                      reverse));

    ViewRange range;
    range.reverse = reverse;
    EXPECT_EQ(RowsOf(*held.rows, range), InOrder(held.model.Rows(), reverse));
    EXPECT_EQ(RowsOf(*held.counts, range), InOrder(held.model.Counts(), reverse));
    std::vector<std::string> some = held.model.Rows();
    std::erase_if(some, [](const std::string& row) { return row[0] != 'q'; });
    range.equal.push_back(Value::Text("q"));
    EXPECT_EQ(RowsOf(*held.rows, range), InOrder(some, reverse));
  }

  void CheckLookups(Session& session, const SessionModel& model) {
    const std::map<std::string, Seq> documents = model.Documents();
    for (const std::string key : kKeys) {
      const auto live = documents.find(key);
      EXPECT_EQ(Must(session.FindDocument(Value::Text(key), {})),
                live == documents.end() ? 0 : live->second);
      std::vector<Seq> seqs;
      const auto history = Must(session.ScanHistory(Value::Text(key), {}));
      for (; history->Valid(); history->Next()) seqs.push_back(history->entry().seq);
      EXPECT_EQ(seqs, model.History(key));
    }
  }

  // Appends and takes back; what was held meanwhile is looked at after the end as well.
  void RunTransaction(Session& session) {
    SessionModel model = committed_;
    std::vector<Held> held;
    for (int n = 1 + random_.Below(12); n > 0 && !HasFailure(); n--) {
      AppendRandom(session, &model);
      if (random_.OneIn(5)) {
        const auto kept = static_cast<size_t>(random_.Below(static_cast<int>(session.size()) + 1));
        session.Truncate(kept);
        model.entries.resize(committed_.entries.size() + kept);
      }
      if (random_.OneIn(3)) held.push_back(Hold(session, model));
      if (random_.OneIn(6)) held.clear();
      for (const Held& each : held) Check(each);
      if (random_.OneIn(4)) CheckLookups(session, model);
    }
    held.push_back(Hold(session, model));
    if (random_.OneIn(4)) {
      EXPECT_OK(session.Rollback());
    } else {
      Commit(session);
      committed_ = std::move(model);
    }
    for (const Held& each : held) Check(each);
    Check(Hold(session, committed_));
  }

  testing::Random random_{testing::TestSeed()};
  std::shared_ptr<View> tags_, counts_;
  SessionModel committed_;
};

TEST_F(SessionModelTest, RandomTransactionsShowWhatTheModelSays) {
  Session one(engine_), other(engine_);
  for (int i = 0; i < 50 && !HasFailure(); i++) {
    RunTransaction(random_.OneIn(2) ? one : other);
    CheckLookups(one, committed_);
  }
  EXPECT_OK(tags_->CheckIntegrity({}));
  EXPECT_OK(counts_->CheckIntegrity({}));
}

}  // namespace
}  // namespace streamview
