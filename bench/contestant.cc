#include "bench/contestant.h"

#include <cstdlib>

namespace streamview::bench {

namespace {

// What a contestant that speaks SQL says.
struct Dialect {
  std::string pragmas;
  std::string schema;
  std::string put;
  std::string lookup;
  std::string range;
  std::string drop_tags;
  std::string make_tags;
  std::string await;  // empty: indexes are complete at COMMIT
  std::string digest;
};

constexpr char kStreamviewPut[] = "INSERT INTO documents(key, value) VALUES (?1, ?2)";

Dialect Streamview(const std::string& tags, const std::string& sizes) {
  const std::string make_tags =
      "CREATE VIRTUAL TABLE tags USING sv_view(log = documents, " + tags + ")";
  return {
      .pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL",
      .schema = "CREATE VIRTUAL TABLE documents USING sv_log; " + make_tags +
                "; CREATE VIRTUAL TABLE sizes USING sv_view(log = documents, " + sizes + ")",
      .put = kStreamviewPut,
      .lookup = "SELECT doc_id FROM tags WHERE key = ?1 LIMIT 10",
      .range = "SELECT doc_id FROM sizes WHERE key BETWEEN ?1 AND ?1 + 100 LIMIT 20",
      .drop_tags = "DROP TABLE tags",
      .make_tags = make_tags,
      .await = "SELECT sv_wait(sv_head())",
      .digest =
          "SELECT (SELECT sum(length(key) * length(doc_id)) FROM tags)"
          " + (SELECT sum(key * length(doc_id)) FROM sizes)",
  };
}

Dialect StreamviewByPath() { return Streamview("emit = '$.tags[*]'", "emit = '$.installed_size'"); }

Dialect StreamviewBySql() {
  return Streamview(
      "map = (SELECT tag.value AS key FROM documents, json_each(documents.value, '$.tags') AS tag)",
      "map = (SELECT documents.value ->> '$.installed_size' AS key FROM documents)");
}

Dialect Sqlite() {
  const std::string make_tags =
      "CREATE TABLE tags(key, doc_id, PRIMARY KEY (key, doc_id)) WITHOUT ROWID";
  const std::string insert_tags =
      "INSERT OR IGNORE INTO tags SELECT value, new.key FROM json_each(new.value, '$.tags'); ";
  const std::string delete_tags =
      "DELETE FROM tags WHERE (key, doc_id) IN"
      " (SELECT value, old.key FROM json_each(old.value, '$.tags')); ";
  return {
      .pragmas =
          "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
          "PRAGMA cache_size = -65536; PRAGMA mmap_size = 1073741824;"
          "PRAGMA wal_autocheckpoint = 20000",
      .schema =
          "CREATE TABLE documents(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
          "CREATE INDEX sizes ON documents(value ->> '$.installed_size');" +
          make_tags + "; CREATE TRIGGER inserted AFTER INSERT ON documents BEGIN " + insert_tags +
          "END; CREATE TRIGGER deleted AFTER DELETE ON documents BEGIN " + delete_tags +
          "END; CREATE TRIGGER updated AFTER UPDATE OF value ON documents BEGIN " + delete_tags +
          insert_tags + "END",
      .put =
          "INSERT INTO documents(key, value) VALUES (?1, ?2)"
          " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      .lookup = "SELECT doc_id FROM tags WHERE key = ?1 LIMIT 10",
      .range =
          "SELECT key FROM documents WHERE value ->> '$.installed_size'"
          " BETWEEN ?1 AND ?1 + 100 LIMIT 20",
      .drop_tags = "DROP TABLE tags",
      .make_tags = make_tags +
                   "; INSERT OR IGNORE INTO tags SELECT j.value, documents.key FROM documents,"
                   " json_each(documents.value, '$.tags') AS j ORDER BY 1, 2",
      .await = "",
      .digest =
          "SELECT (SELECT sum(length(key) * length(doc_id)) FROM tags)"
          " + (SELECT sum((value ->> '$.installed_size') * length(key)) FROM documents)",
  };
}

class SqlContestant final : public Contestant {
 public:
  SqlContestant(Dialect dialect, const std::string& extension, const std::string& directory)
      : dialect_(std::move(dialect)),
        database_(std::make_unique<Database>(directory + "/bench.db")) {
    if (!dialect_.await.empty()) database_->Load(extension);
    database_->Execute(dialect_.pragmas);
    database_->Execute(dialect_.schema);
    Prepare();
  }

  void PutAll(const std::vector<Document>& documents) override {
    for (size_t i = 0; i < documents.size(); ++i) {
      if (i % kDocumentsPerTransaction == 0) database_->Execute(i == 0 ? "BEGIN" : "COMMIT; BEGIN");
      Put(documents[i]);
    }
    database_->Execute("COMMIT");
  }
  void AwaitIndexes() override {
    if (!dialect_.await.empty()) database_->QueryText(dialect_.await);
  }
  bool answers_queries() const override { return true; }
  void Put(const Document& document) override {
    put_->Bind(1, document.key).Bind(2, document.value).Run();
  }
  int64_t Lookup(const std::string& tag) override { return ReadAll(lookup_->Bind(1, tag)); }
  int64_t Range(int64_t size) override { return ReadAll(range_->Bind(1, size)); }
  void RebuildTags() override {
    lookup_.reset();
    database_->Execute(dialect_.drop_tags);
    database_->Execute("BEGIN; " + dialect_.make_tags + "; COMMIT");
    AwaitIndexes();
    Prepare();
  }
  double IndexDigest() override {
    return std::strtod(database_->QueryText(dialect_.digest).c_str(), nullptr);
  }
  void Close() override {
    put_.reset();
    lookup_.reset();
    range_.reset();
    database_.reset();
  }

 private:
  void Prepare() {
    put_ = std::make_unique<Statement>(database_->handle(), dialect_.put);
    lookup_ = std::make_unique<Statement>(database_->handle(), dialect_.lookup);
    range_ = std::make_unique<Statement>(database_->handle(), dialect_.range);
  }
  static int64_t ReadAll(Statement& statement) {
    int64_t rows = 0;
    for (; statement.Step(); ++rows) statement.Touch(0);
    statement.Reset();
    return rows;
  }

  const Dialect dialect_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statement> put_, lookup_, range_;
};

}  // namespace

std::unique_ptr<Contestant> NewContestant(const std::string& name, const std::string& extension,
                                          const std::string& directory) {
  if (name == "rocksdb") return NewRocksContestant(directory);
  Dialect dialect;
  if (name == "streamview") {
    dialect = StreamviewByPath();
  } else if (name == "streamview_sql") {
    dialect = StreamviewBySql();
  } else if (name == "sqlite") {
    dialect = Sqlite();
  } else {
    Die("no such contestant: " + name);
  }
  return std::make_unique<SqlContestant>(std::move(dialect), extension, directory);
}

}  // namespace streamview::bench
