// What the benchmarks share: a SQLite connection, scratch directories, the documents. What fails
// ends the program with a message.

#pragma once

#include <sqlite3.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace streamview::bench {

[[noreturn]] void Die(const std::string& message);

// A directory of its own, gone at the end.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }
  // What the files in it take.
  double Megabytes() const;

 private:
  std::string path_;
};

class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // The text must outlive the next Step().
  Statement& Bind(int parameter, const std::string& text);
  Statement& Bind(int parameter, int64_t number);
  // True where there is a row.
  bool Step();
  void Reset();
  // Executes to the end and resets; returns the number of rows.
  int64_t Run();
  std::string Text(int column) const;
  int columns() const { return sqlite3_column_count(statement_); }
  // Has the column read, as a client would.
  void Touch(int column) const { sqlite3_column_text(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// One thread at a time.
class Database {
 public:
  explicit Database(const std::string& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* handle() const { return db_; }
  void Load(const std::string& extension);
  void Execute(const std::string& sql);
  // The first column of the first row.
  std::string QueryText(const std::string& sql);

 private:
  sqlite3* db_ = nullptr;
};

// The most memory that this process has had at a time.
double PeakMegabytes();

using Clock = std::chrono::steady_clock;

// Seconds.
double Since(Clock::time_point start);

// Microseconds, at the fraction `at` of the times, which it sorts. REQUIRES: there are some.
double Percentile(std::vector<double>& seconds, double at);

// Of values, which it sorts. REQUIRES: there are some.
double Median(std::vector<double>& values);

// What was measured, by name; no name has a line break.
using Metrics = std::map<std::string, double>;

// Runs `measure` in a process of its own, for its memory and its threads to be its own.
Metrics RunInChild(const std::function<Metrics()>& measure);

struct Document {
  std::string key;
  std::string value;
};

// Lines of the form {"key": ..., "value": ...}.
std::vector<Document> ReadDocuments(const std::string& path);

}  // namespace streamview::bench
