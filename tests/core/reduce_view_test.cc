// Views with reduce, without SQLite.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <thread>

#include "core/index/open_index.h"
#include "core/index/reduce_check.h"
#include "core/log/log_transaction.h"
#include "core/map/json_path_mapper.h"
#include "core/map/reduce_builder.h"
#include "core/storage/derived_store.h"
#include "tests/core/engine_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Rows {key, value}: a key of `k` each, with the value `v`.
ViewDefinition Definition(Reduce reduce) {
  ViewDefinition definition;
  definition.name = ReduceName(reduce);
  definition.log_name = "events";
  definition.emit_path = "$.k[*]";
  definition.value_path = "$.v";
  definition.columns = {"key", "value"};
  definition.reduce = reduce;
  return definition;
}

// The columns of each row, with '/' between them.
std::vector<std::string> ReducedRows(const ViewSnapshot& snapshot, size_t columns,
                                     const ViewRange& range = {}) {
  std::vector<std::string> rows;
  const std::unique_ptr<ViewCursor> cursor = snapshot.NewCursor(range);
  for (; cursor->Valid(); cursor->Next()) {
    std::string row;
    for (size_t i = 0; i < columns; i++) {
      const ValueView value = cursor->column(i);
      row += (i > 0 ? "/" : "") +
             (value.type() == ValueType::kText ? std::string(value.bytes()) : ToDisplay(value));
    }
    rows.push_back(row);
  }
  EXPECT_OK(cursor->status());
  return rows;
}

class ReduceViewTest : public EngineTest {
 protected:
  void OpenWith(std::initializer_list<Reduce> reduces) {
    Open();
    for (const Reduce reduce : reduces)
      views_.push_back(Must(engine_->CreateView(Definition(reduce))));
  }
  // A view with a map that `make` makes, which may not be a JSON path.
  void OpenWithMapper(Reduce reduce, std::function<Mapper*()> make) {
    options_.mapper_factory = [make](const ViewDefinition&) -> Result<std::unique_ptr<Mapper>> {
      return std::unique_ptr<Mapper>(make());
    };
    Open();
    ViewDefinition definition = Definition(reduce);
    definition.kind = MapKind::kSql;
    views_.push_back(Must(engine_->CreateView(definition)));
  }
  void Reopen() {
    std::vector<std::string> ids;
    for (const auto& view : views_) ids.push_back(view->id());
    views_.clear();
    Close();
    Open(ids);
    for (const std::string& id : ids) views_.push_back(Must(engine_->FindView(id)));
  }
  std::vector<std::string> RowsSeenBy(Session& session, const std::shared_ptr<View>& view,
                                      const ViewRange& range = {}) {
    return ReducedRows(*Must(session.ReadView(view, engine_->Head(), {})),
                       view->definition().RowColumns().size(), range);
  }
  std::vector<std::string> Rows(const std::shared_ptr<View>& view, const ViewRange& range = {}) {
    return RowsSeenBy(*NewSession(), view, range);
  }
  std::vector<std::string> Rows() { return Rows(views_.at(0)); }

  std::vector<std::shared_ptr<View>> views_;
};

TEST_F(ReduceViewTest, AddsUpWhatTheMapEmitsUnderEachKey) {
  OpenWith({Reduce::kCount, Reduce::kSum, Reduce::kStats});
  Put("a", R"({"k":["x","y"],"v":3})");
  Put("b", R"({"k":["x"],"v":-1})");
  Put("c", R"({"k":["x"],"v":0.5})");
  EXPECT_THAT(Rows(views_[0]), ElementsAre("x/3", "y/1"));
  EXPECT_THAT(Rows(views_[1]), ElementsAre("x/2.5", "y/3"));
  EXPECT_THAT(Rows(views_[2]), ElementsAre("x/3/2.5/-1/3/10.25", "y/1/3/3/3/9"));
}

TEST_F(ReduceViewTest, ADocumentThatChangesTakesOutWhatItHadAdded) {
  OpenWith({Reduce::kStats});
  Put("a", R"({"k":["x","y"],"v":5})");
  Put("b", R"({"k":["x"],"v":2})");
  EXPECT_THAT(Rows(), ElementsAre("x/2/7/2/5/29", "y/1/5/5/5/25"));
  Put("a", R"({"k":["x"],"v":1})");
  EXPECT_THAT(Rows(), ElementsAre("x/2/3/1/2/5"));
  Erase("b");
  EXPECT_THAT(Rows(), ElementsAre("x/1/1/1/1/1"));
  Erase("b");
  Erase("a");
  EXPECT_THAT(Rows(), IsEmpty());
  Put("a", R"({"k":["y"],"v":4})");
  EXPECT_THAT(Rows(), ElementsAre("y/1/4/4/4/16"));
}

TEST_F(ReduceViewTest, AnEntryMayEmitAKeyTwice) {
  OpenWith({Reduce::kStats});
  Put("a", R"({"k":["x","x"],"v":5})");
  EXPECT_THAT(Rows(), ElementsAre("x/2/10/5/5/50"));
  Put("a", R"({"k":["x"],"v":5})");
  EXPECT_THAT(Rows(), ElementsAre("x/1/5/5/5/25"));
}

TEST_F(ReduceViewTest, RangesInBothDirections) {
  OpenWith({Reduce::kSum});
  for (const char* key : {"a", "b", "c", "d"}) {
    Put(key, R"({"v":1,"k":[")" + std::string(key) + "\"]}");
  }
  ViewRange range;
  range.lower = KeyBound{Value::Text("a"), false};
  range.upper = KeyBound{Value::Text("c"), true};
  EXPECT_THAT(Rows(views_[0], range), ElementsAre("b/1", "c/1"));
  range.reverse = true;
  EXPECT_THAT(Rows(views_[0], range), ElementsAre("c/1", "b/1"));
  EXPECT_THAT(Rows(views_[0], Equal("d")), ElementsAre("d/1"));
  EXPECT_THAT(Rows(views_[0], Equal("e")), IsEmpty());
  range.lower = KeyBound{Value::Text("d"), true};
  EXPECT_THAT(Rows(views_[0], range), IsEmpty());
}

TEST_F(ReduceViewTest, EqualNumbersAreOneKeyAndAnIntegerWhereOneIs) {
  OpenWith({Reduce::kStats});
  Put("a", R"({"k":[1.0],"v":2.0})");
  EXPECT_THAT(Rows(), ElementsAre("1.0/1/2.0/2.0/2.0/4.0"));
  Put("b", R"({"k":[1],"v":2})");
  EXPECT_THAT(Rows(), ElementsAre("1/2/4.0/2/2/8.0"));
  Erase("a");
  EXPECT_THAT(Rows(), ElementsAre("1/1/2/2/2/4"));
}

TEST_F(ReduceViewTest, SumsAreExactWhateverCameInBetween) {
  OpenWith({Reduce::kStats});
  Put("small", R"({"k":["x"],"v":0.1})");
  const auto before = Rows();
  Put("huge", R"({"k":["x"],"v":1e308})");
  Put("huger", R"({"k":["x"],"v":1e308})");
  EXPECT_THAT(Rows(), ElementsAre("x/3/inf/0.1/1e+308/inf"));
  Put("tiny", R"({"k":["x"],"v":5e-324})");
  Put("zero", R"({"k":["x"],"v":-0.0})");
  Erase("huger");
  EXPECT_THAT(Rows(), ElementsAre("x/4/1e+308/0.0/1e+308/inf"));
  Erase("huge");
  Erase("zero");
  Erase("tiny");
  EXPECT_EQ(Rows(), before);
}

TEST_F(ReduceViewTest, IntegersBeyondTheirRangeAreReal) {
  OpenWith({Reduce::kStats});
  Put("a", R"({"k":["x"],"v":9223372036854775807})");
  Put("b", R"({"k":["x"],"v":9223372036854775807})");
  EXPECT_THAT(Rows(), ElementsAre("x/2/1.84467440737096e+19/9223372036854775807/"
                                  "9223372036854775807/1.70141183460469e+38"));
  Erase("a");
  EXPECT_THAT(Rows(), ElementsAre("x/1/9223372036854775807/9223372036854775807/"
                                  "9223372036854775807/8.50705917302346e+37"));
}

TEST_F(ReduceViewTest, AValueThatIsNoNumberIsAnErrorOfItsDocument) {
  OpenWith({Reduce::kSum});
  Put("good", R"({"k":["x"],"v":1})");
  Put("bad", R"({"k":["x","y"],"v":"7"})");
  Put("none", R"({"k":["x"]})");
  EXPECT_THAT(Rows(), ElementsAre("x/1"));
  const auto errors = Must(views_[0]->ListErrors(0, 10));
  ASSERT_EQ(errors.size(), 2u);
  EXPECT_EQ(errors[0].seq, 2u);
  EXPECT_EQ(errors[0].message,
            "reduce = 'sum' takes finite numbers, and the map emits the value '7'");
  EXPECT_THAT(errors[1].message, HasSubstr("NULL"));
  // Nothing is taken out of what was never added.
  Put("bad", R"({"k":["x"],"v":10})");
  Put("good", R"({"k":["x"],"v":"bad"})");
  Erase("none");
  EXPECT_THAT(Rows(), ElementsAre("x/10"));
  EXPECT_OK(views_[0]->CheckIntegrity({}));
  Reopen();
  Put("good", R"({"k":["x"],"v":5})");
  EXPECT_THAT(Rows(), ElementsAre("x/15"));
  EXPECT_EQ(views_[0]->GetStatus().errors, 0u);
}

TEST_F(ReduceViewTest, WithOnErrorStopItHaltsWithNothingTakenOut) {
  Open();
  ViewDefinition definition = Definition(Reduce::kSum);
  definition.on_error = OnError::kStop;
  views_.push_back(Must(engine_->CreateView(definition)));
  Put("a", R"({"k":["x"],"v":1})");
  EXPECT_THAT(Rows(), ElementsAre("x/1"));
  Put("a", R"({"k":["x"],"v":"one"})");
  const auto read = views_[0]->Read(engine_->Head(), {});
  EXPECT_EQ(read.status().code(), StatusCode::kFailed);
  EXPECT_EQ(views_[0]->checkpoint(), 1u);
  Put("a", R"({"k":["x"],"v":3})");
  ASSERT_OK(views_[0]->Rebuild({}));  // what was superseded is not mapped again
  EXPECT_THAT(Rows(), ElementsAre("x/3"));
}

TEST_F(ReduceViewTest, InfinitiesAreErrors) {
  class Reals final : public Mapper {
    Status Map(const Entry& entry, Emitter& emitter) override {
      const ValueView row[] = {ValueView::Text("x"), entry.value};
      return emitter.Emit(row);
    }
  };
  OpenWithMapper(Reduce::kStats, [] { return new Reals; });
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double x : {kInfinity, -kInfinity, 1.0}) Append(Value(), Value::Real(x));
  EXPECT_THAT(Rows(), ElementsAre("x/1/1.0/1.0/1.0/1.0"));
  EXPECT_EQ(views_[0]->GetStatus().errors, 2u);
}

TEST_F(ReduceViewTest, OwnUncommittedEntriesAreAddedAndWhatTheySupersedeIsTakenOut) {
  OpenWith({Reduce::kStats});
  Put("a", R"({"k":["x"],"v":1})");
  Put("b", R"({"k":["x","y"],"v":2})");
  const auto own = NewSession();
  const auto put = [&](const char* key, const char* json) {
    Must(own->Append(Value::Text(key), json == nullptr ? Value() : Value::Text(json), {}));
  };
  put("b", R"({"k":["x"],"v":7})");
  EXPECT_THAT(RowsSeenBy(*own, views_[0]), ElementsAre("x/2/8/1/7/50"));
  put("b", R"({"k":["w"],"v":"bad"})");
  put("a", nullptr);
  EXPECT_THAT(RowsSeenBy(*own, views_[0]), IsEmpty());
  put("b", R"({"k":["w","z"],"v":3})");
  ViewRange reverse;
  reverse.reverse = true;
  EXPECT_THAT(RowsSeenBy(*own, views_[0], reverse), ElementsAre("z/1/3/3/3/9", "w/1/3/3/3/9"));
  EXPECT_THAT(Rows(), ElementsAre("x/2/3/1/2/5", "y/1/2/2/2/4"));  // nobody else sees it
  own->Truncate(1);
  EXPECT_THAT(RowsSeenBy(*own, views_[0]), ElementsAre("x/2/8/1/7/50"));
  ASSERT_OK(own->Rollback());
  EXPECT_THAT(Rows(), ElementsAre("x/2/3/1/2/5", "y/1/2/2/2/4"));
}

TEST_F(ReduceViewTest, ASnapshotStaysAsItIs) {
  OpenWith({Reduce::kStats});
  Put("a", R"({"k":["x"],"v":1})");
  const auto before = Must(views_[0]->Read(engine_->Head(), {}));
  for (int i = 0; i < 100; i++) Put("a", R"({"k":["x","y"],"v":)" + std::to_string(i) + "}");
  Erase("a");
  EXPECT_THAT(Rows(), IsEmpty());
  ASSERT_OK(views_[0]->Optimize({}));
  EXPECT_THAT(ReducedRows(*before, 6), ElementsAre("x/1/1/1/1/1"));
}

TEST_F(ReduceViewTest, KeysWithoutRowsGoFromDisk) {
  options_.background = false;
  OpenWith({Reduce::kStats});
  for (int i = 0; i < 100; i++) {
    Put("a", R"({"v":1,"k":["k)" + std::to_string(i) + "\"]}");
    Rows();
  }
  EXPECT_GT(views_[0]->GetStatus().entries, 100u);
  EXPECT_GT(views_[0]->GetStatus().superseded_met, 0u);
  ASSERT_OK(views_[0]->Optimize({}));
  EXPECT_EQ(views_[0]->GetStatus().entries, 2u);  // k99, and its value
  EXPECT_THAT(Rows(), ElementsAre("k99/1/1/1/1/1"));
}

TEST_F(ReduceViewTest, AMapThatIsNotPureIsToldOf) {
  static bool fails;
  fails = false;
  class Moody final : public Mapper {
    Status Map(const Entry&, Emitter& emitter) override {
      if (fails) return Status::InvalidArgument("not today");
      const ValueView row[] = {ValueView::Text("x"), ValueView::Integer(1)};
      return emitter.Emit(row);
    }
  };
  options_.background = false;
  OpenWithMapper(Reduce::kCount, [] { return new Moody; });
  Put("a", "1");
  EXPECT_THAT(Rows(), ElementsAre("x/1"));
  fails = true;
  Put("a", "2");
  const auto read = views_[0]->Read(engine_->Head(), {});
  EXPECT_EQ(read.status().code(), StatusCode::kCorruption);
  EXPECT_THAT(read.status().message(), HasSubstr("entry 1 ('a'): not today"));
  fails = false;
  EXPECT_THAT(Rows(), ElementsAre("x/1"));
}

TEST_F(ReduceViewTest, ALargeBuildIsTheSameAsASmallOne) {
  Open();
  constexpr int kEntries = 40'000, kKeys = 24'000;  // more keys than a write batch takes
  std::map<int, int> values;  // by document, and for events by a number of its own
  {
    const auto session = NewSession();
    for (int i = 0; i < kEntries; i++) {
      const bool event = i % 7 != 0;
      const int document = i % 1000;  // superseded again and again
      const std::string json =
          R"({"k":[)" + std::to_string(i % kKeys) + R"(],"v":)" + std::to_string(i) + "}";
      Must(session->Append(event ? Value() : Value::Integer(document), Value::Text(json), {}));
      values[event ? -i : document] = i;
    }
    ASSERT_OK(session->Prepare(SyncMode::kOff));
    session->Commit();
  }
  std::map<int, int> sums;
  for (const auto& [document, value] : values) sums[value % kKeys] += value;
  const auto view = Must(engine_->CreateView(Definition(Reduce::kSum)));
  const auto check = [&] {
    std::vector<std::string> expected;
    for (const auto& [key, sum] : sums) {
      expected.push_back(std::to_string(key) + "/" + std::to_string(sum));
    }
    EXPECT_EQ(Rows(view), expected);
  };
  check();
  ASSERT_OK(view->Rebuild({}));
  check();
  ASSERT_OK(view->Optimize({}));
  check();
  EXPECT_OK(view->CheckIntegrity({}));
}

// --- random operations against a plain model

// The model works on multiples of 2^-10, in integers.
constexpr int kScale = 10;

struct ModelDocument {
  std::vector<int> keys;
  int64_t scaled = 0;
  bool is_real = false;
  bool is_bad = false;

  std::string Json() const {
    std::string json = R"({"k":[)";
    for (size_t i = 0; i < keys.size(); i++) json += (i > 0 ? "," : "") + std::to_string(keys[i]);
    json += R"(],"v":)";
    if (is_bad) return json + "\"bad\"}";
    if (!is_real) return json + std::to_string(scaled >> kScale) + "}";
    char number[64];
    std::snprintf(number, sizeof(number), "%.17g",
                  std::ldexp(static_cast<double>(scaled), -kScale));
    const bool plain = std::string_view(number).find_first_of(".e") == std::string_view::npos;
    return json + number + (plain ? ".0}" : "}");
  }
};

class ReduceModel {
 public:
  std::map<int, ModelDocument> documents;  // and events, under negative numbers

  std::vector<std::string> Rows(Reduce reduce) const {
    std::map<int, std::vector<const ModelDocument*>> by_key;
    for (const auto& [id, document] : documents) {
      if (document.is_bad && reduce != Reduce::kCount) continue;
      for (const int key : document.keys) by_key[key].push_back(&document);
    }
    std::vector<std::string> rows;
    for (const auto& [key, live] : by_key) {
      const std::string count = std::to_string(live.size());
      std::string row = std::to_string(key);
      if (reduce != Reduce::kSum) row += "/" + count;
      if (reduce != Reduce::kCount) row += "/" + Number(Sum(live, 1), HasReal(live), kScale);
      if (reduce == Reduce::kStats) {
        row += "/" + Extreme(live, -1) + "/" + Extreme(live, 1) + "/" +
               Number(Sum(live, 2), HasReal(live), 2 * kScale);
      }
      rows.push_back(row);
    }
    return rows;
  }

 private:
  using Live = std::vector<const ModelDocument*>;
  __extension__ typedef __int128 Int128;

  static bool HasReal(const Live& live) {
    return std::any_of(live.begin(), live.end(), [](const auto* d) { return d->is_real; });
  }
  static Int128 Sum(const Live& live, int power) {
    Int128 sum = 0;
    for (const auto* d : live)
      sum += power == 1 ? Int128{d->scaled} : Int128{d->scaled} * d->scaled;
    return sum;
  }
  static std::string Number(Int128 scaled, bool is_real, int scale) {
    const Int128 whole = scaled >> scale;
    if (!is_real && whole == static_cast<int64_t>(whole)) {
      return ToDisplay(ValueView::Integer(static_cast<int64_t>(whole)));
    }
    return ToDisplay(ValueView::Real(std::ldexp(static_cast<double>(scaled), -scale)));
  }
  static std::string Extreme(const Live& live, int sign) {
    int64_t extreme = live[0]->scaled;
    for (const auto* d : live) {
      if (sign * d->scaled > sign * extreme) extreme = d->scaled;
    }
    const bool is_integer = std::any_of(live.begin(), live.end(), [&](const auto* d) {
      return d->scaled == extreme && !d->is_real;
    });
    return Number(extreme, !is_integer, kScale);
  }
};

class ReduceModelTest : public ReduceViewTest {
 protected:
  ModelDocument RandomDocument() {
    ModelDocument document;
    for (int n = random_.Below(4); n > 0; n--) document.keys.push_back(random_.Below(6));
    document.is_bad = random_.OneIn(8);
    document.is_real = random_.OneIn(2);
    const int64_t number =
        random_.OneIn(4) ? random_.Below(1 << 30) * int64_t{1000} : random_.Below(5);
    document.scaled = (random_.OneIn(2) ? -number : number) * (1 << kScale);
    if (document.is_real) document.scaled += random_.Below(3);
    return document;
  }

  void AppendRandom(Session* session, ReduceModel* model) {
    const int id = random_.Below(12);
    if (id == 0) {
      const ModelDocument event = RandomDocument();
      Must(session->Append(Value(), Value::Text(event.Json()), {}));
      model->documents[--last_event_] = event;
    } else if (random_.OneIn(5)) {
      Must(session->Append(Value::Integer(id), Value(), {}));
      model->documents.erase(id);
    } else {
      const ModelDocument document = RandomDocument();
      Must(session->Append(Value::Integer(id), Value::Text(document.Json()), {}));
      model->documents[id] = document;
    }
  }

  void Expect(const ReduceModel& model, Session& session) {
    for (const auto& view : views_) {
      std::vector<std::string> expected = model.Rows(view->definition().reduce);
      ViewRange range;
      range.reverse = random_.OneIn(3);
      if (range.reverse) std::reverse(expected.begin(), expected.end());
      EXPECT_EQ(RowsSeenBy(session, view, range), expected);
    }
  }

  void RunTransaction() {
    const auto session = NewSession();
    ReduceModel model = model_;
    std::vector<ReduceModel> savepoints;  // at each size
    for (int n = 1 + random_.Below(8); n > 0; n--) {
      savepoints.push_back(model);
      AppendRandom(session.get(), &model);
      if (random_.OneIn(6)) {
        const auto to = static_cast<size_t>(random_.Below(static_cast<int>(savepoints.size())));
        session->Truncate(to);
        model = savepoints[to];
        savepoints.resize(to);
      }
      if (random_.OneIn(4) && session->size() > 0) Expect(model, *session);
    }
    if (session->size() == 0 || random_.OneIn(5)) {
      EXPECT_OK(session->Rollback());
      return;
    }
    EXPECT_OK(session->Prepare(SyncMode::kNormal));
    session->Commit();
    model_ = std::move(model);
  }

  void DoChore() {
    View& view = *views_[static_cast<size_t>(random_.Below(static_cast<int>(views_.size())))];
    const int chore = random_.Below(12);
    if (chore == 0) Reopen();
    if (chore == 1) EXPECT_OK(view.Rebuild({}));
    if (chore == 2) EXPECT_OK(view.Flush());
    if (chore == 3) EXPECT_OK(view.Optimize({}));
    if (chore == 4) EXPECT_OK(view.CheckIntegrity({}));
    if (chore == 5) Expect(model_, *NewSession());
  }

  testing::Random random_{testing::TestSeed()};
  ReduceModel model_;
  int last_event_ = 0;
};

TEST_F(ReduceModelTest, RandomOperationsLeaveWhatTheModelSays) {
  OpenWith({Reduce::kCount, Reduce::kSum, Reduce::kStats});
  for (int i = 0; i < 250 && !HasFailure(); i++) {
    RunTransaction();
    DoChore();
  }
  Expect(model_, *NewSession());
  for (const auto& view : views_) {
    EXPECT_OK(view->CheckIntegrity({}));
    EXPECT_EQ(view->GetStatus().state, ViewState::kLive);
  }
}

// --- threads

TEST_F(ReduceViewTest, ReadersOfManyThreadsSeeSumsThatAreWhole) {
  OpenWith({Reduce::kStats});
  constexpr int kDocuments = 4, kWrites = 300;
  std::atomic<bool> done{false};
  // Each transaction moves one from a document to the next: the sum is always 0.
  {
    const auto session = NewSession();
    for (int i = 0; i < kDocuments; i++) {
      Must(session->Append(Value::Integer(i), Value::Text(R"({"k":["x"],"v":0})"), {}));
    }
    ASSERT_OK(session->Prepare(SyncMode::kOff));
    session->Commit();
  }
  std::thread writer([&] {
    int64_t values[kDocuments] = {};
    for (int i = 0; i < kWrites; i++) {
      const auto session = NewSession();
      for (const int step : {-1, 1}) {
        const int document = (i + (step > 0 ? 1 : 0)) % kDocuments;
        values[document] += step;
        Must(session->Append(
            Value::Integer(document),
            Value::Text(R"({"k":["x"],"v":)" + std::to_string(values[document]) + "}"), {}));
      }
      EXPECT_OK(session->Prepare(SyncMode::kOff));
      session->Commit();
      if (i % 100 == 50) EXPECT_OK(views_[0]->Rebuild({}));
    }
    done = true;
  });
  const auto read = [&](bool latest) {
    do {
      const auto snapshot = Must(views_[0]->Read(latest ? engine_->Head() : Seq{kDocuments}, {}));
      EXPECT_THAT(ReducedRows(*snapshot, 3), ElementsAre("x/4/0"));
    } while (!done && !HasFailure());
  };
  std::thread latest(read, true), eventual(read, false);
  read(true);
  writer.join();
  latest.join();
  eventual.join();
  EXPECT_OK(views_[0]->CheckIntegrity({}));
}

// --- what the integrity check finds, on an index without an engine

class ReduceIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_ = Must(Log::Open(stores_.log.get(), nullptr));
    docs_ = Must(DocIndex::Open(log_.get(), stores_.derived.get()));
    family_ = Must(stores_.derived->CreateViewFamily("v"));
    OpenIndex();
    for (int i = 0; i < 20; i++) {
      Put(i % 15, R"({"k":["k)" + std::to_string(i % 10) + R"("],"v":)" + std::to_string(i) + "}");
    }
  }
  void OpenIndex() {
    const ViewDefinition definition = Definition(Reduce::kStats);
    index_.reset();
    index_ = Must(streamview::OpenIndex(log_.get(), docs_.get(), family_, definition,
                                        Must(NewJsonPathMapper(definition))));
  }
  void Put(int document, const std::string& json) {
    LogWriter writer(log_.get());
    writer.Append(Value::Integer(document), Value::Text(json));
    writer.Commit();
    ASSERT_OK(index_->AdvanceTo(log_->head(), {}));
  }
  // With memory for a few keys only, so that it takes several passes.
  std::string Check() {
    OpenIndex();  // published anew, so that the check sees what the test has damaged
    const auto mapper = Must(NewJsonPathMapper(index_->definition()));
    return CheckAggregates(*index_, *index_->state(), mapper.get(), {}, 2000).message();
  }
  static std::string RowKey(const std::string& text) {
    std::string key;
    AppendKeyColumn(&key, ValueView::Text(text));
    return key;
  }
  // What one row of the value 1 adds.
  static std::string OneRow() {
    Aggregate aggregate;
    aggregate.AddRow(0, ValueView::Integer(1), 2, false);
    std::string bytes;
    aggregate.AppendTo(&bytes);
    return bytes;
  }

  Stores stores_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<DocIndex> docs_;
  std::shared_ptr<ColumnFamily> family_;
  std::shared_ptr<ViewIndex> index_;
};

TEST_F(ReduceIndexTest, ASoundIndexHasNoFindings) { EXPECT_EQ(Check(), ""); }

TEST_F(ReduceIndexTest, AMissingRowIsNamed) {
  ASSERT_TRUE(stores_.derived->db()->Delete({}, family_->handle(), RowKey("k7")).ok());
  EXPECT_THAT(Check(), HasSubstr("the index lacks row ('k7') with count 2"));
}

TEST_F(ReduceIndexTest, ARowThatNoEntryEmitsIsNamed) {
  ASSERT_TRUE(stores_.derived->db()->Merge({}, family_->handle(), RowKey("q"), OneRow()).ok());
  EXPECT_THAT(Check(), HasSubstr("has row ('q') with count 1 and sum 1.0, which no entry emits"));
}

TEST_F(ReduceIndexTest, AChangeThatWasAppliedTwiceIsNamed) {
  ASSERT_TRUE(stores_.derived->db()->Merge({}, family_->handle(), RowKey("k5"), OneRow()).ok());
  EXPECT_THAT(Check(), ::testing::AllOf(HasSubstr("1 difference"), HasSubstr("row ('k5')")));
}

TEST_F(ReduceIndexTest, ALostValueIsNamed) {
  std::string key = ValuesKey(RowKey("k6"));
  AppendKeyColumn(&key, ValueView::Integer(6));
  ASSERT_TRUE(stores_.derived->db()->Delete({}, family_->handle(), key).ok());
  EXPECT_THAT(Check(), HasSubstr("the index lacks value ('k6', 6) with count 1"));
}

TEST_F(ReduceIndexTest, BytesThatAreNoAggregateAreNamedAndReadAsDamage) {
  ASSERT_TRUE(stores_.derived->db()->Put({}, family_->handle(), RowKey("k0"), "\xff").ok());
  EXPECT_THAT(Check(), HasSubstr("aggregate: "));
  const auto snapshot = index_->Read(index_->state(), nullptr);
  EXPECT_EQ(snapshot->NewCursor({})->status().code(), StatusCode::kDamaged);
}

TEST_F(ReduceIndexTest, CompactionsDropKeysWithoutRows) {
  const auto compact = [&] {
    ASSERT_OK(index_->Flush());
    ASSERT_OK(index_->Compact());
  };
  for (int document = 0; document < 15; document++) Put(document, R"({"k":["one"],"v":1})");
  compact();  // adds up
  Put(0, R"({"k":["one"],"v":1})");
  compact();  // leaves out
  EXPECT_EQ(index_->CountEntries(), 2u);
  EXPECT_EQ(Check(), "");
}

TEST_F(ReduceIndexTest, AHotKeyIsReadWithoutAddingUpAllOfItsChanges) {
  constexpr int kChanges = 500, kMost = 40;
  for (int i = 0; i < kChanges; i++) Put(99, R"({"k":["hot"],"v":)" + std::to_string(i) + "}");
  rocksdb::GetMergeOperandsOptions limit;
  limit.expected_max_number_of_operands = kChanges;
  std::vector<rocksdb::PinnableSlice> changes(kChanges);
  int count = 0;
  ASSERT_TRUE(
      stores_.derived->db()
          ->GetMergeOperands({}, family_->handle(), RowKey("hot"), changes.data(), &limit, &count)
          .ok());
  EXPECT_LT(count, kMost);
  const auto snapshot = index_->Read(index_->state(), nullptr);
  ViewRange range;
  range.equal.push_back(Value::Text("hot"));
  EXPECT_THAT(ReducedRows(*snapshot, 6, range), ElementsAre("hot/1/499/499/499/249001"));
  EXPECT_EQ(Check(), "");
}

}  // namespace
}  // namespace streamview
