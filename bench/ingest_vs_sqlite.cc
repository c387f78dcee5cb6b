// How fast documents are taken in, and how soon their indexes are complete: streamview against
// plain SQLite, side by side in one process, through SQL only.
//
//   ingest_vs_sqlite <streamview.so> <documents.jsonl> [rounds]
//
// Both hold the same documents under their keys, with the same two indexes: one row per tag, with
// the description, and one row per dependency, with the section. streamview has a log with two
// views; SQLite a table whose triggers maintain two index tables, as an application would write
// them: the index rows are clustered by their key, and found again through the document's old
// value.
//
// Each round loads all documents into a new database (insert), then writes every one of them again
// (update), in transactions of 1,000, with journal_mode=WAL and synchronous=NORMAL. The rounds
// alternate who goes first. Medians are printed; nothing is asserted.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/support.h"

namespace streamview::bench {
namespace {

constexpr size_t kDocumentsPerTransaction = 1000;

constexpr char kPragmas[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;";

constexpr char kStreamviewSchema[] = R"sql(
  CREATE VIRTUAL TABLE packages USING sv_log;
  CREATE VIRTUAL TABLE tags USING sv_view(
    log = packages,
    map = (SELECT tag.value AS key, packages.value ->> '$.description' AS description
           FROM packages, json_each(packages.value, '$.tags') AS tag));
  CREATE VIRTUAL TABLE depends USING sv_view(
    log = packages, emit = '$.depends[*]', value = '$.section');
)sql";
constexpr char kStreamviewPut[] = "INSERT INTO packages(key, value) VALUES (?1, ?2)";

constexpr char kSqliteSchema[] = R"sql(
  CREATE TABLE packages(key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE tags(key, doc_id, n, description, PRIMARY KEY (key, doc_id, n)) WITHOUT ROWID;
  CREATE TABLE depends(key, doc_id, n, section, PRIMARY KEY (key, doc_id, n)) WITHOUT ROWID;

  CREATE TRIGGER inserted AFTER INSERT ON packages BEGIN
    INSERT INTO tags SELECT value, new.key, key, new.value ->> '$.description'
      FROM json_each(new.value, '$.tags');
    INSERT INTO depends SELECT value, new.key, key, new.value ->> '$.section'
      FROM json_each(new.value, '$.depends');
  END;
  CREATE TRIGGER deleted AFTER DELETE ON packages BEGIN
    DELETE FROM tags WHERE (key, doc_id, n) IN
      (SELECT value, old.key, key FROM json_each(old.value, '$.tags'));
    DELETE FROM depends WHERE (key, doc_id, n) IN
      (SELECT value, old.key, key FROM json_each(old.value, '$.depends'));
  END;
  CREATE TRIGGER updated AFTER UPDATE OF value ON packages BEGIN
    DELETE FROM tags WHERE (key, doc_id, n) IN
      (SELECT value, old.key, key FROM json_each(old.value, '$.tags'));
    DELETE FROM depends WHERE (key, doc_id, n) IN
      (SELECT value, old.key, key FROM json_each(old.value, '$.depends'));
    INSERT INTO tags SELECT value, new.key, key, new.value ->> '$.description'
      FROM json_each(new.value, '$.tags');
    INSERT INTO depends SELECT value, new.key, key, new.value ->> '$.section'
      FROM json_each(new.value, '$.depends');
  END;
)sql";
constexpr char kSqlitePut[] =
    "INSERT INTO packages(key, value) VALUES (?1, ?2)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value";

// Executes `put` for every document, in transactions of kDocumentsPerTransaction.
void PutAll(Database& database, const char* put, const std::vector<Document>& documents) {
  Statement statement(database.handle(), put);
  for (size_t i = 0; i < documents.size(); ++i) {
    if (i % kDocumentsPerTransaction == 0) database.Execute(i == 0 ? "BEGIN" : "COMMIT; BEGIN");
    statement.Bind(1, documents[i].key).Bind(2, documents[i].value).Run();
  }
  database.Execute("COMMIT");
}

// Documents a second until all were acknowledged, and until all indexes held them.
struct Rates {
  double acknowledged = 0;
  double complete = 0;
};

struct Contestant {
  const char* name;
  const char* schema;
  const char* put;
  bool is_streamview;
};
constexpr Contestant kStreamview{"streamview", kStreamviewSchema, kStreamviewPut, true};
constexpr Contestant kSqlite{"sqlite", kSqliteSchema, kSqlitePut, false};

Rates MeasurePut(Database& database, const Contestant& contestant,
                 const std::vector<Document>& documents) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  PutAll(database, contestant.put, documents);
  const auto acknowledged = Clock::now();
  if (contestant.is_streamview) database.QueryText("SELECT sv_wait(sv_seq())");
  const auto complete = Clock::now();

  const auto rate = [&](Clock::time_point end) {
    return static_cast<double>(documents.size()) /
           std::chrono::duration<double>(end - start).count();
  };
  return {rate(acknowledged), rate(complete)};
}

// What one contestant's indexes hold: the other's must be the same.
std::string IndexDigest(Database& database) {
  return database.QueryText(
      "SELECT (SELECT count(*) || ' tags, ' || sum(length(key) * length(doc_id)) FROM tags)"
      " || '; ' || (SELECT count(*) || ' depends, ' || sum(length(key) * length(doc_id))"
      " FROM depends)");
}

// One round of one contestant, on a new database: rates of insert and of update.
std::pair<Rates, Rates> RunRound(const Contestant& contestant, const std::string& extension,
                                 const std::vector<Document>& documents, std::string& digest) {
  ScratchDirectory directory;
  Database database(directory.path() + "/bench.db");
  if (contestant.is_streamview) database.Load(extension);
  database.Execute(std::string(kPragmas) + contestant.schema);
  const Rates insert = MeasurePut(database, contestant, documents);
  const Rates update = MeasurePut(database, contestant, documents);
  digest = IndexDigest(database);
  return {insert, update};
}

Rates Median(std::vector<Rates> rates) {
  const auto median = [&](double Rates::*member) {
    std::sort(rates.begin(), rates.end(),
              [&](const Rates& a, const Rates& b) { return a.*member < b.*member; });
    return rates[rates.size() / 2].*member;
  };
  return {median(&Rates::acknowledged), median(&Rates::complete)};
}

void PrintComparison(const char* phase, const Rates& streamview, const Rates& sqlite) {
  std::printf("%-8s  %-22s %14.0f  %14.0f\n", phase, kStreamview.name, streamview.acknowledged,
              streamview.complete);
  std::printf("%-8s  %-22s %14.0f  %14.0f\n", "", "sqlite with triggers", sqlite.acknowledged,
              sqlite.complete);
  std::printf("%-8s  %-22s %13.1fx  %13.1fx\n", "", "ratio",
              streamview.acknowledged / sqlite.acknowledged, streamview.complete / sqlite.complete);
}

void Run(const std::string& extension, const std::vector<Document>& documents, int rounds) {
  std::map<std::string, std::vector<Rates>> inserts;
  std::map<std::string, std::vector<Rates>> updates;
  for (int round = 0; round < rounds; ++round) {
    std::map<std::string, std::string> digests;
    std::vector<Contestant> order = {kStreamview, kSqlite};
    if (round % 2 == 1) std::swap(order[0], order[1]);
    for (const Contestant& contestant : order) {
      const auto [insert, update] =
          RunRound(contestant, extension, documents, digests[contestant.name]);
      inserts[contestant.name].push_back(insert);
      updates[contestant.name].push_back(update);
    }
    if (digests[kStreamview.name] != digests[kSqlite.name]) {
      Die("the indexes differ: streamview has " + digests[kStreamview.name] + "; sqlite has " +
          digests[kSqlite.name]);
    }
  }

  std::printf("%zu documents, transactions of %zu, median of %d rounds; documents/s\n\n",
              documents.size(), kDocumentsPerTransaction, rounds);
  std::printf("%-8s  %-22s %14s  %14s\n", "", "", "acknowledged", "views complete");
  PrintComparison("insert", Median(inserts[kStreamview.name]), Median(inserts[kSqlite.name]));
  PrintComparison("update", Median(updates[kStreamview.name]), Median(updates[kSqlite.name]));
}

}  // namespace
}  // namespace streamview::bench

int main(int argc, char** argv) {
  using streamview::bench::Die;
  if (argc != 3 && argc != 4)
    Die("usage: ingest_vs_sqlite <streamview.so> <documents.jsonl> [rounds]");
  const int rounds = argc == 4 ? std::atoi(argv[3]) : 5;
  if (rounds < 1) Die("rounds must be a positive number");
  streamview::bench::Run(argv[1], streamview::bench::ReadDocuments(argv[2]), rounds);
  return 0;
}
