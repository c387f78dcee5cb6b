// A host that uses RocksDB itself, the system's, and then loads the extension: each has its own
// database open, both are written and read in turn, and each can be closed before the other.

#include <rocksdb/db.h>
#include <rocksdb/merge_operator.h>
#include <sqlite3.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

namespace {

void Check(bool good, const std::string& what) {
  if (good) return;
  std::cerr << what << '\n';
  std::exit(1);
}

// Merged by a class of the host's: RocksDB must call this one, and no other.
class Concatenate final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* existing, const rocksdb::Slice& value,
             std::string* result, rocksdb::Logger*) const override {
    *result = (existing != nullptr ? existing->ToString() : "") + value.ToString();
    return true;
  }
  const char* Name() const override { return "host.Concatenate"; }
};

class HostDatabase {
 public:
  explicit HostDatabase(const std::string& path) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.merge_operator = std::make_shared<Concatenate>();
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(options, path, &db).ok(), "the host cannot open its own database");
    db_.reset(db);
  }
  void Append(const std::string& value) {
    Check(db_->Merge(rocksdb::WriteOptions(), "key", value).ok(), "the host cannot write");
    Check(db_->Flush(rocksdb::FlushOptions()).ok(), "the host cannot flush");
  }
  void Expect(const std::string& expected) {
    std::string value;
    Check(db_->Get(rocksdb::ReadOptions(), "key", &value).ok(), "the host cannot read");
    Check(value == expected, "the host reads " + value + " instead of " + expected);
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
};

class SqlDatabase {
 public:
  SqlDatabase(const std::string& path, const std::string& extension) {
    Check(sqlite3_open(path.c_str(), &db_) == SQLITE_OK, "SQLite cannot open " + path);
    sqlite3_enable_load_extension(db_, 1);
    char* message = nullptr;
    const int code = sqlite3_load_extension(db_, extension.c_str(), nullptr, &message);
    Check(code == SQLITE_OK, message != nullptr ? message : "the extension does not load");
  }
  ~SqlDatabase() { Check(sqlite3_close(db_) == SQLITE_OK, "SQLite cannot close"); }
  SqlDatabase(const SqlDatabase&) = delete;
  SqlDatabase& operator=(const SqlDatabase&) = delete;

  void Run(const std::string& sql) { Expect(sql, ""); }
  // Expects the first columns of all rows, one after the other.
  void Expect(const std::string& sql, const std::string& expected) {
    std::string rows;
    const auto add = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) += values[0] != nullptr ? values[0] : "NULL";
      return 0;
    };
    char* message = nullptr;
    const int code = sqlite3_exec(db_, sql.c_str(), add, &rows, &message);
    Check(code == SQLITE_OK, sql + ": " + (message != nullptr ? message : "no message"));
    Check(rows == expected, sql + ": " + rows + " instead of " + expected);
  }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  Check(argc == 3, "usage: host_with_rocksdb <streamview.so> <new directory>");
  const std::string extension = argv[1];
  const std::string directory = argv[2];

  auto host = std::make_unique<HostDatabase>(directory + "/host");
  host->Append("a");
  {
    SqlDatabase sql(directory + "/app.db", extension);
    sql.Run("CREATE VIRTUAL TABLE events USING sv_log");
    sql.Run(
        "CREATE VIRTUAL TABLE by_n USING sv_view(log = events, emit = '$.n', reduce = 'count')");
    host->Append("b");
    sql.Run("INSERT INTO events(key, value) VALUES ('x', '{\"n\":1}'), ('y', '{\"n\":2}')");
    sql.Run("INSERT INTO by_n(by_n) VALUES ('flush')");
    sql.Expect("SELECT key FROM by_n", "12");
    host->Expect("ab");
    host.reset();
    sql.Run("INSERT INTO events(key, value) VALUES ('z', '{\"n\":3}')");
    sql.Expect("SELECT key FROM by_n", "123");
    host = std::make_unique<HostDatabase>(directory + "/host");
  }
  host->Append("c");
  host->Expect("abc");
  SqlDatabase again(directory + "/app.db", extension);
  again.Expect("SELECT key FROM events", "xyz");
  return 0;
}
