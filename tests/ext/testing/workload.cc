#include "tests/ext/testing/workload.h"

#include <algorithm>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"

namespace streamview::testing {
namespace {

using Kind = WorkloadStep::Kind;

constexpr int kDocuments = 40;
constexpr int kPaddingBytes = 5000;

// The view that kRedefineView replaces.
const Workload::View& Redefined() { return Workload::kViews.back(); }

// Of some entries the value is no number.
const std::string kStatsMap =
    "SELECT value ->> '$.n' AS key, CASE WHEN value ->> '$.n' = 9 THEN 'none' "
    "WHEN value ->> '$.n' % 2 THEN (value ->> '$.txn') * 0.25 ELSE value ->> '$.txn' END AS value "
    "FROM events";

std::string CreateViewSql(const Workload::View& view, int64_t version) {
  return "CREATE VIRTUAL TABLE " + view.name + " USING sv_view(log = events, " + view.options +
         ", version = " + std::to_string(version) + ")";
}

void RunStep(Database& db, const WorkloadTransaction& transaction, const WorkloadStep& step) {
  const Params both = {step.key, step.value};
  switch (step.kind) {
    case Kind::kAppend:
      return db.Run("INSERT INTO events(key, value) VALUES (?1, ?2)", both);
    case Kind::kAppendThree:
      return db.Run("INSERT INTO events(key, value) VALUES (?1, ?2), (NULL, ?2), (?1, ?2)", both);
    case Kind::kPutDocument:
      return db.Run("INSERT OR REPLACE INTO docs(key, value) VALUES (?1, ?2)", both);
    case Kind::kUpdate:
      return db.Run("UPDATE docs SET value = ?2 WHERE key = ?1", both);
    case Kind::kDelete:
      return db.Run("DELETE FROM docs WHERE key = ?1", {step.key});
    case Kind::kFail: {
      const Outcome outcome =
          db.Try("INSERT INTO docs(key, value) VALUES ('twice', ?1), ('twice', ?1)", {step.value});
      if (outcome.code != SQLITE_CONSTRAINT) throw SqlError(outcome, "a statement that must fail");
      return;
    }
    case Kind::kAudit:
      return db.Run("INSERT INTO audit(value) VALUES (?1)", {transaction.number});
    case Kind::kOrdinary:
      return db.Run("INSERT INTO ordinary(txn) VALUES (?1)", {transaction.number});
    case Kind::kRedefineView:
      db.Run("DROP TABLE " + Redefined().name);
      return db.Run(CreateViewSql(Redefined(), transaction.number));
    case Kind::kSavepoint:
      return db.Run("SAVEPOINT s");
    case Kind::kRollbackTo:
      return db.Run("ROLLBACK TO s");
    case Kind::kRelease:
      return db.Run("RELEASE s");
  }
}

void AppendTo(WorkloadState* state, const SqlValue& key, const SqlValue& value) {
  state->log.push_back({key, value});
  if (key == kNull) return;
  const auto& name = std::get<std::string>(key);
  if (value == kNull) {
    state->live.erase(name);
  } else {
    state->live.insert(name);
  }
}

void ApplyStep(const WorkloadTransaction& transaction, const WorkloadStep& step,
               WorkloadState* state) {
  const auto is_live = [&] { return state->live.count(std::get<std::string>(step.key)) != 0; };
  switch (step.kind) {
    case Kind::kAppendThree:
      AppendTo(state, step.key, step.value);
      AppendTo(state, kNull, step.value);
      return AppendTo(state, step.key, step.value);
    case Kind::kAppend:
    case Kind::kPutDocument:
      return AppendTo(state, step.key, step.value);
    case Kind::kUpdate:
    case Kind::kDelete:
      if (is_live()) AppendTo(state, step.key, step.value);
      return;
    case Kind::kAudit:
      return state->audit.push_back(transaction.number);
    case Kind::kOrdinary:
      return state->ordinary.push_back(transaction.number);
    default:
      return;
  }
}

// The shape of a state that only grows, and how to get back to it.
struct Mark {
  size_t log, audit, ordinary;
  std::set<std::string> live;

  explicit Mark(const WorkloadState& s)
      : log(s.log.size()), audit(s.audit.size()), ordinary(s.ordinary.size()), live(s.live) {}
  void Restore(WorkloadState* s) const {
    s->log.resize(log);
    s->audit.resize(audit);
    s->ordinary.resize(ordinary);
    s->live = live;
  }
};

std::string Short(const std::string& text) { return text.substr(0, 100); }
std::string Short(const Row& row) { return Short(ToLine(row)); }
std::string Short(int64_t value) { return std::to_string(value); }

template <typename T>
void Compare(const char* table, const std::vector<T>& expected, const std::vector<T>& actual,
             std::string* difference) {
  if (expected == actual) return;
  const auto [wanted, found] =
      std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  *difference += std::string("\n  ") + table + " has " + std::to_string(actual.size()) +
                 " rows instead of " + std::to_string(expected.size()) + "; row " +
                 std::to_string(found - actual.begin() + 1) + " is " +
                 (found == actual.end() ? "missing" : Short(*found)) + " instead of " +
                 (wanted == expected.end() ? "none" : Short(*wanted));
}

}  // namespace

const std::vector<Workload::View> Workload::kViews = {
    {"view_tags", "map = (" + kTagsMap + ")", kTagsMap, 1},
    {"by_number", "emit = '$.n', value = '$.txn'",
     "SELECT events.value ->> '$.n' AS key, events.value ->> '$.txn' AS value FROM events "
     "WHERE json_type(events.value, '$.n') IS NOT NULL",
     1},
    {"tag_counts", "reduce = 'count', emit = '$.tags[*]'",
     "SELECT tag.value AS key FROM events, json_each(events.value, '$.tags') AS tag", 1, "count"},
    {"stats_by_number", "reduce = 'stats', map = (" + kStatsMap + ")", kStatsMap, 1, "stats"},
    {"by_txn",
     "keys = 2, map = (SELECT events.value ->> '$.txn' AS txn, events.value ->> '$.i' AS i "
     "FROM events)",
     "SELECT events.value ->> '$.txn' AS txn, events.value ->> '$.i' AS i FROM events", 2},
};

std::vector<Row> Workload::View::Compute(Database& db) const {
  return ReduceRows(ComputeView(db, "events", map, key_columns), key_columns, reduce);
}

void Workload::CreateTables(Database& db) {
  db.Run(
      "CREATE VIRTUAL TABLE events USING sv_log;"
      "CREATE VIRTUAL TABLE docs USING sv_docs(log = events);"
      "CREATE VIRTUAL TABLE audit USING sv_log;"
      "CREATE TABLE ordinary(txn)");
  for (const View& view : kViews) db.Run(CreateViewSql(view, 0));
}

WorkloadTransaction Workload::Next() {
  WorkloadTransaction transaction;
  transaction.number = next_transaction_++;
  transaction.commits = !random_.OneIn(8);
  AddSteps(/*depth=*/0, &transaction);
  return transaction;
}

void Workload::AddSteps(int depth, WorkloadTransaction* transaction) {
  for (int i = random_.Below(5); i >= 0; --i) {
    if (depth == 2 || !random_.OneIn(8)) {
      transaction->steps.push_back(RandomStep(*transaction));
      continue;
    }
    transaction->steps.push_back({Kind::kSavepoint, {}, {}});
    AddSteps(depth + 1, transaction);
    if (random_.OneIn(2)) transaction->steps.push_back({Kind::kRollbackTo, {}, {}});
    transaction->steps.push_back({Kind::kRelease, {}, {}});
  }
}

WorkloadStep Workload::RandomStep(const WorkloadTransaction& transaction) {
  static const std::vector<Kind> kKinds = {Kind::kAppend,      Kind::kAppend,      Kind::kAppend,
                                           Kind::kAppendThree, Kind::kPutDocument, Kind::kUpdate,
                                           Kind::kUpdate,      Kind::kDelete,      Kind::kFail,
                                           Kind::kAudit,       Kind::kOrdinary,    Kind::kOrdinary};
  WorkloadStep step{random_.Pick(kKinds), {}, {}};
  if (random_.OneIn(40)) step.kind = Kind::kRedefineView;
  const bool is_event = step.kind == Kind::kAppend && random_.OneIn(4);
  if (!is_event) step.key = "doc" + std::to_string(random_.Below(kDocuments));
  const bool is_tombstone =
      step.kind == Kind::kDelete || (step.kind == Kind::kAppend && !is_event && random_.OneIn(6));
  if (is_tombstone) return step;
  const std::string padding(random_.OneIn(20) ? kPaddingBytes : 0, 'x');
  step.value = "{\"txn\":" + std::to_string(transaction.number) +
               ",\"i\":" + std::to_string(transaction.steps.size()) +
               ",\"n\":" + std::to_string(random_.Below(10)) + ",\"tags\":[\"t" +
               std::to_string(random_.Below(5)) + "\",\"all\"],\"padding\":\"" + padding + "\"}";
  return step;
}

void Workload::Run(Database& db, const WorkloadTransaction& transaction) {
  // One that is a single statement is its own transaction.
  const bool alone = transaction.steps.size() == 1 && transaction.commits &&
                     transaction.steps[0].kind != Kind::kRedefineView;
  if (alone && transaction.steps[0].kind == Kind::kAppend && transaction.number % 2 == 0) {
    return db.Run("SELECT sv_append('events', ?1, ?2)",
                  {transaction.steps[0].key, transaction.steps[0].value});
  }
  if (!alone) db.Run("BEGIN");
  for (const WorkloadStep& step : transaction.steps) RunStep(db, transaction, step);
  if (!alone) db.Run(transaction.commits ? "COMMIT" : "ROLLBACK");
}

void Workload::Apply(const WorkloadTransaction& transaction, WorkloadState* state) {
  if (!transaction.commits) return;
  std::vector<Mark> savepoints;
  for (const WorkloadStep& step : transaction.steps) {
    switch (step.kind) {
      case Kind::kSavepoint:
        savepoints.emplace_back(*state);
        break;
      case Kind::kRollbackTo:
        savepoints.back().Restore(state);
        break;
      case Kind::kRelease:
        savepoints.pop_back();
        break;
      default:
        ApplyStep(transaction, step, state);
    }
  }
}

WorkloadState Workload::Read(Database& db) {
  const auto integers = [&db](const std::string& sql) {
    std::vector<int64_t> values;
    for (const Row& row : db.QueryRows(sql)) values.push_back(std::get<int64_t>(row[0]));
    return values;
  };
  WorkloadState state;
  state.log = db.QueryRows("SELECT key, value FROM events ORDER BY seq");
  for (const Row& row : db.QueryRows("SELECT key FROM docs")) {
    state.live.insert(std::get<std::string>(row[0]));
  }
  state.audit = integers("SELECT value FROM audit ORDER BY seq");
  state.ordinary = integers("SELECT txn FROM ordinary ORDER BY rowid");
  return state;
}

std::string Describe(const WorkloadTransaction& transaction) {
  static const char* const kNames[] = {"append",        "append three", "put",         "update",
                                       "delete",        "fail",         "audit",       "ordinary",
                                       "redefine view", "savepoint",    "rollback to", "release"};
  std::string text = "transaction " + std::to_string(transaction.number);
  for (const WorkloadStep& step : transaction.steps) {
    text += std::string("\n    ") + kNames[step.kind] + " " + Short({step.key, step.value});
  }
  return text + (transaction.commits ? "\n    commit" : "\n    rollback");
}

std::string Difference(const WorkloadState& expected, const WorkloadState& actual) {
  std::string difference;
  Compare("events", expected.log, actual.log, &difference);
  Compare("audit", expected.audit, actual.audit, &difference);
  Compare("ordinary", expected.ordinary, actual.ordinary, &difference);
  if (expected.live != actual.live) difference += "\n  docs has other keys";
  return difference;
}

}  // namespace streamview::testing
