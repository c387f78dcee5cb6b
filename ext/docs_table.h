// sv_docs: the live documents of a log as a table, docs/reference.md.
//
//   key      unique, not NULL
//   value    not NULL
//   seq      INTEGER, the entry that the document comes from; also the rowid
//   time     INTEGER, when it was appended, ms since the Unix epoch
//   as_of    hidden: WHERE as_of = <seq> gives the documents as they were after that entry
//
// INSERT, UPDATE and DELETE append to the log. Conflicts are SQLite's: a live key is a UNIQUE
// constraint, a NULL key or value a NOT NULL constraint, and OR IGNORE, OR REPLACE and so on mean
// what they mean for an ordinary table.
//
// A statement that writes takes the writer's turn of the log before it reads, and reads the latest
// state, whatever sv_consistency says. (SQLite's own write lock is not enough: it is released a
// moment before the log publishes what was committed.)
//
// One statement sees one state: see ext/view_table.h. The table itself holds nothing; it may be
// dropped and made at any time, and there may be several for one log.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ext/range_scan.h"
#include "ext/session_table.h"
#include "ext/shared_reading.h"
#include "ext/view_plan.h"

namespace streamview {

class DocsTable : public SessionTable {
 public:
  struct Plan {
    bool as_of = false;       // the first argument is as_of
    bool by_seq = false;      // the next one is seq, and there are no others
    bool any_order = false;   // all documents, as they come
    bool only_count = false;  // all documents, of which no column is asked for
    ViewPlan keys;            // its text is that of the whole plan

    sqlite_vtab::EncodedPlan Encode() const;
    static std::optional<Plan> Decode(int number, std::string_view text);
  };

  class Cursor;

  static sqlite_vtab::Status Create(const sqlite_vtab::ConnectArgs<Connection>& args,
                                    std::unique_ptr<DocsTable>& table);
  static sqlite_vtab::Status Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                                     std::unique_ptr<DocsTable>& table);
  // `utf8`: as for PlanView.
  DocsTable(Connection& connection, TableName name, TableName log, bool utf8);

  sqlite_vtab::Status Destroy() { return {}; }
  sqlite_vtab::Status Rename(const char*) { return {}; }

  sqlite_vtab::Status BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan);
  sqlite_vtab::Status Open(std::unique_ptr<Cursor>& cursor);

  Status Begin();
  void Commit();
  Status Rollback();

  sqlite_vtab::Status Insert(sqlite3_value* rowid, sqlite_vtab::Values columns,
                             sqlite3_int64* new_rowid);
  sqlite_vtab::Status Update(sqlite3_value* old_rowid, sqlite3_value* new_rowid,
                             sqlite_vtab::Values columns);
  sqlite_vtab::Status Delete(sqlite3_value* rowid);

 private:
  using Readings = SharedReading<std::shared_ptr<const DocsSnapshot>>;
  // A live document, its bytes copied.
  struct Document {
    Seq seq;
    int64_t time_ms;
    Value key;
    Value value;
  };

  using DocsReading = Reading<std::shared_ptr<const DocsSnapshot>>;

  static sqlite_vtab::Status Make(const sqlite_vtab::ConnectArgs<Connection>& args, bool creating,
                                  std::unique_ptr<DocsTable>& table);

  // Sees to it that the group of a cursor that has read nothing yet has something to read. `first`:
  // the range that will be read first, if any.
  Status Read(const DocRange* first, std::shared_ptr<Readings::Group>* group);
  Result<DocsReading> ReadAsOf(sqlite3_value* as_of);

  // The number of the live document of `key`; 0: there is none.
  Result<Seq> FindLive(LogSession& session, const ValueView& key);
  // The document that a row stands for; nothing where it is no longer the latest of its key.
  Result<std::optional<Document>> FindRow(LogSession& session, sqlite3_int64 rowid);
  // OK where a document may get this key and value: no other one than `same` (0: none) has the key,
  // or the statement replaces it. `found` is the one that has it, or 0.
  sqlite_vtab::Status CheckDocument(LogSession& session, const ValueView& key,
                                    const ValueView& value, Seq same, Seq* found);
  // Appends what an UPDATE makes of a document.
  sqlite_vtab::Status Replace(LogSession& session, const Document& old,
                              sqlite_vtab::Values columns);
  std::string ColumnName(const char* column) const { return name().table + "." + column; }

  const bool utf8_;
  // A statement of the open transaction writes, or has written, to this table.
  bool writing_ = false;
  Readings readings_;
};

class DocsTable::Cursor final : public sqlite_vtab::Cursor {
 public:
  explicit Cursor(DocsTable& table)
      : table_(table),
        group_(table.readings_.Join(table.connection())),
        outer_join_(table.connection().db()) {}

  sqlite_vtab::Status Filter(const Plan& plan, sqlite_vtab::Values arguments);
  sqlite_vtab::Status Next();
  bool Eof() const noexcept { return counted_ ? counted_->left == 0 : !scan_.Valid(); }
  sqlite_vtab::Status Column(sqlite3_context* context, int column);
  // Of a document as of an earlier entry it is negative, so that a write can be told and refused.
  sqlite_vtab::Status Rowid(sqlite3_int64* rowid);

 private:
  Status Read(const Plan& plan, sqlite_vtab::Values arguments);
  // Goes to the documents that come from an entry `seq = value`: none or one, or two where SQLite
  // has to tell which.
  Status FindBySeq(sqlite3_value* value, const DocsReading& reading);
  // Goes to the document that the count has come to: something is asked of it after all.
  Status StopCounting();

  // Documents that are given without a look at any.
  struct Counted {
    uint64_t passed = 0;
    uint64_t left = 0;  // the present one included
  };

  DocsTable& table_;
  std::shared_ptr<Readings::Group> group_;
  const DocsReading* now_ = nullptr;  // the group's, once this cursor has read
  std::optional<DocsReading> as_of_;  // nothing: now
  std::optional<Counted> counted_;    // then there is no scan
  RangeScan<DocsSnapshot, DocRange> scan_;
  OuterJoin outer_join_;
};

}  // namespace streamview
