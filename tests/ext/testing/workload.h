// Workload: random transactions on a log, its documents, a second log and an ordinary table, and
// what they must leave behind.
//
// The transactions follow from a seed alone. So one process can run them, and another one knows
// what must be there, wherever the first one was killed.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/ext/testing/database.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {

// What is committed in the tables of a workload. The plainest thing that can hold it.
struct WorkloadState {
  std::vector<Row> log;           // events: key, value
  std::set<std::string> live;     // the keys of the documents, which follow from `log`
  std::vector<int64_t> audit;     // audit: value
  std::vector<int64_t> ordinary;  // ordinary: txn, in order of rowid

  friend bool operator==(const WorkloadState&, const WorkloadState&) = default;
};

struct WorkloadStep {
  enum Kind {
    kAppend,        // of `value`, or a tombstone, to the log; without a key: an event
    kAppendThree,   // in one statement
    kPutDocument,   // through sv_docs
    kUpdate,        // through sv_docs: nothing where the document is not live
    kDelete,        // likewise
    kFail,          // a statement that fails half-way, and is undone
    kAudit,         // an entry of the other log
    kOrdinary,      // a row of the ordinary table
    kRedefineView,  // DROP and CREATE
    kSavepoint,
    kRollbackTo,  // of the innermost savepoint, which stays
    kRelease,     // of the innermost savepoint
  };
  Kind kind;
  SqlValue key;
  SqlValue value;
};

struct WorkloadTransaction {
  int64_t number;
  std::vector<WorkloadStep> steps;
  bool commits = true;  // or ends in ROLLBACK
};

class Workload {
 public:
  // Makes the tables events, docs, audit, ordinary, and the views of kViews.
  static void CreateTables(Database& db);
  struct View {
    std::string name;
    std::string options;
    std::string map;  // what it computes, as SQL
    size_t key_columns;
    std::string reduce = "";

    // What it must hold.
    std::vector<Row> Compute(Database& db) const;
  };
  static const std::vector<View> kViews;

  Workload(uint64_t seed, int64_t first_transaction)
      : random_(seed), next_transaction_(first_transaction) {}
  WorkloadTransaction Next();

  // Runs it to its end; an error that it should not give is thrown.
  static void Run(Database& db, const WorkloadTransaction& transaction);
  static void Apply(const WorkloadTransaction& transaction, WorkloadState* state);
  static WorkloadState Read(Database& db);

 private:
  void AddSteps(int depth, WorkloadTransaction* transaction);
  WorkloadStep RandomStep(const WorkloadTransaction& transaction);

  Random random_;
  int64_t next_transaction_;
};

// For messages: the steps of a transaction, a line each.
std::string Describe(const WorkloadTransaction& transaction);

// Where two states differ first, a line for each table; empty where they do not.
std::string Difference(const WorkloadState& expected, const WorkloadState& actual);

}  // namespace streamview::testing
