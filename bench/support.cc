#include "bench/support.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace streamview::bench {

void Die(const std::string& message) {
  std::fprintf(stderr, "benchmark: %s\n", message.c_str());
  std::exit(1);
}

ScratchDirectory::ScratchDirectory() {
  path_ = (std::filesystem::temp_directory_path() / "streamview-bench-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) Die("cannot create " + path_);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

double ScratchDirectory::Megabytes() const {
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return static_cast<double>(bytes) / (1 << 20);
}

// --- Statement

namespace {

void Check(sqlite3* db, int code) {
  if (code != SQLITE_OK) Die(sqlite3_errmsg(db));
}

}  // namespace

Statement::Statement(sqlite3* db, const std::string& sql) {
  Check(db, sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement& Statement::Bind(int parameter, const std::string& text) {
  Check(sqlite3_db_handle(statement_),
        sqlite3_bind_text(statement_, parameter, text.data(), static_cast<int>(text.size()),
                          SQLITE_STATIC));
  return *this;
}

Statement& Statement::Bind(int parameter, int64_t number) {
  Check(sqlite3_db_handle(statement_), sqlite3_bind_int64(statement_, parameter, number));
  return *this;
}

bool Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) {
    Die(std::string(sqlite3_sql(statement_)) + ": " +
        sqlite3_errmsg(sqlite3_db_handle(statement_)));
  }
  return code == SQLITE_ROW;
}

void Statement::Reset() { Check(sqlite3_db_handle(statement_), sqlite3_reset(statement_)); }

int64_t Statement::Run() {
  int64_t rows = 0;
  while (Step()) rows++;
  Reset();
  return rows;
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text != nullptr ? text : "";
}

// --- Database

Database::Database(const std::string& path) {
  if (sqlite3_open(path.c_str(), &db_) != SQLITE_OK) Die(path + ": " + sqlite3_errmsg(db_));
}

Database::~Database() { sqlite3_close_v2(db_); }

void Database::Load(const std::string& extension) {
  sqlite3_enable_load_extension(db_, 1);
  char* message = nullptr;
  if (sqlite3_load_extension(db_, extension.c_str(), nullptr, &message) != SQLITE_OK) {
    Die(message != nullptr ? message : extension);
  }
}

void Database::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    Die(sql + ": " + sqlite3_errmsg(db_));
  }
}

std::string Database::QueryText(const std::string& sql) {
  Statement statement(db_, sql);
  if (!statement.Step()) Die(sql + ": no row");
  return statement.Text(0);
}

// ---

double PeakMegabytes() {
  std::FILE* const status = std::fopen("/proc/self/status", "r");
  char line[256];
  double kilobytes = 0;
  while (status != nullptr && std::fgets(line, sizeof line, status) != nullptr) {
    if (std::sscanf(line, "VmHWM: %lf", &kilobytes) == 1) break;
  }
  if (status != nullptr) std::fclose(status);
  return kilobytes / 1024;
}

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double Percentile(std::vector<double>& seconds, double at) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[static_cast<size_t>(at * static_cast<double>(seconds.size() - 1))] * 1e6;
}

double Median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Metrics RunInChild(const std::function<Metrics()>& measure) {
  int ends[2];
  if (pipe(ends) != 0) Die("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    std::FILE* const out = fdopen(ends[1], "w");
    for (const auto& [name, value] : measure()) std::fprintf(out, "%.6f %s\n", value, name.c_str());
    std::fclose(out);
    std::_Exit(0);
  }
  close(ends[1]);
  std::FILE* const in = fdopen(ends[0], "r");
  Metrics metrics;
  char name[256];
  double value;
  while (std::fscanf(in, "%lf %255[^\n]", &value, name) == 2) metrics[name] = value;
  std::fclose(in);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) Die("a process that measured has failed");
  return metrics;
}

std::vector<Document> ReadDocuments(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die("cannot read " + path);
  std::vector<Document> documents;
  Database json(":memory:");
  Statement split(json.handle(), "SELECT ?1 ->> '$.key', ?1 -> '$.value'");
  for (std::string line; std::getline(file, line);) {
    if (!split.Bind(1, line).Step()) Die(path + ": no document: " + line);
    documents.push_back({split.Text(0), split.Text(1)});
    split.Reset();
  }
  if (documents.empty()) Die(path + " holds no documents");
  return documents;
}

}  // namespace streamview::bench
