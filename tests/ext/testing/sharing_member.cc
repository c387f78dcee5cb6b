#include "tests/ext/testing/sharing_member.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/database.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {

const std::vector<Workload::View>& SharingViews() {
  static const std::vector<Workload::View> views = {
      {"by_txn",
       "map = (SELECT events.value ->> '$.txn' AS txn, events.value ->> '$.i' AS i FROM events)",
       "SELECT events.value ->> '$.txn' AS txn, events.value ->> '$.i' AS i FROM events", 1},
      {"by_tag", "emit = '$.tags[*]', value = '$.i'",
       "SELECT tag.value AS key, events.value ->> '$.i' AS value FROM events, "
       "json_each(events.value, '$.tags') AS tag",
       1},
      {"txn_counts", "reduce = 'count', emit = '$.txn'",
       "SELECT events.value ->> '$.txn' AS key FROM events "
       "WHERE json_type(events.value, '$.txn') IS NOT NULL",
       1, "count"},
      {"stats",
       "reduce = 'stats', map = (SELECT value ->> '$.n' AS key, value ->> '$.i' AS value "
       "FROM events)",
       "SELECT value ->> '$.n' AS key, value ->> '$.i' AS value FROM events", 1, "stats"},
  };
  return views;
}

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kSharedDocuments = 5;
constexpr int kOwnDocuments = 5;
constexpr int kMaxReadings = 100;  // of what is disturbed by kills
constexpr int kWorkOfChores = 5;   // they go through all entries

milliseconds TimeSince(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// A line goes to the test at once and whole, from any thread.
void Say(const std::string& line) {
  const std::string bytes = line + "\n";
  if (write(STDOUT_FILENO, bytes.data(), bytes.size()) < 0) _exit(3);
}

// Tells of statements that take too long, also of those that never end.
class Watch {
 public:
  explicit Watch(milliseconds limit) : limit_(limit), thread_([this] { Run(); }) {}
  ~Watch() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // `work`: how many times longer than others it may take.
  Outcome Time(const std::string& sql, int work, const std::function<Outcome()>& run) {
    {
      std::lock_guard lock(mutex_);
      sql_ = sql;
      work_ = work;
      start_ = Clock::now();
    }
    Outcome outcome = run();
    std::lock_guard lock(mutex_);
    const milliseconds taken = TimeSince(*start_) / work_;
    start_.reset();
    if (taken > longest_) {
      longest_ = taken;
      Say("longest " + std::to_string(taken.count()) + " " + sql_);
    }
    return outcome;
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      changed_.wait_for(lock, milliseconds(100));
      if (!start_ || TimeSince(*start_) / work_ < limit_) continue;
      Say("longest " + std::to_string(TimeSince(*start_).count() / work_) +
          " still running: " + sql_);
    }
  }

  const milliseconds limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string sql_;
  int work_ = 1;
  std::optional<Clock::time_point> start_;
  milliseconds longest_{100};  // below, nobody wants to know
  bool stopping_ = false;
  std::thread thread_;
};

class Member {
 public:
  Member(const std::string& path, std::string name, uint64_t seed, milliseconds limit,
         bool disk_may_fail)
      : watch_(limit),
        db_(path),
        name_(std::move(name)),
        random_(seed),
        disk_may_fail_(disk_may_fail) {}

  void Configure(const std::string& synchronous) {
    Run("PRAGMA busy_timeout = 1000");
    Run("PRAGMA synchronous = " + synchronous);
  }

  // Until the test ends its input.
  void Work() {
    while (!InputHasEnded()) {
      ++number_;
      switch (random_.Below(10)) {
        case 0:
          AppendNow();
          break;
        case 1:
          Transact(Kind::kStatement);
          break;
        case 2:
        case 3:
          Transact(Kind::kLogOnly);
          break;
        default:
          Transact(Kind::kBoth);
      }
      DoChore();
      if (random_.OneIn(5)) ReadSibling();
    }
    db_.Close();
  }

 private:
  enum class Kind { kStatement, kLogOnly, kBoth };

  // What a transaction has written so far.
  struct Written {
    int log = 0;                                   // entries that name it
    int marks = 0;                                 // rows of the ordinary table
    int events = 0;                                // of `log`, those without a key
    std::map<std::string, bool> documents;         // own ones: whether it is live
    std::map<std::string, bool> shared_documents;  // likewise, until another process writes it

    int Live() const {
      return events + static_cast<int>(std::count_if(documents.begin(), documents.end(),
                                                     [](const auto& d) { return d.second; }));
    }
  };

  // --- statements

  Outcome Try(const std::string& sql, const Params& params = {}, int work = 1) {
    last_sql_ = sql;
    Outcome outcome = watch_.Time(sql, work, [&] { return db_.Try(sql, params); });
    trace_ += sql.substr(0, 50) + ": " + std::to_string(outcome.code) + " " +
              outcome.message.substr(0, 60) + "; ";
    if (outcome.code == SQLITE_BUSY) Say("busy " + InOneLine(outcome.message));
    if (IsOfDisk(outcome.code)) Say("failed " + InOneLine(outcome.message));
    return outcome;
  }
  static bool IsOfDisk(int code) { return code == SQLITE_IOERR || code == SQLITE_FULL; }
  // Whether a statement that writes may fail like that.
  bool MayFail(int code) const { return code == SQLITE_BUSY || (disk_may_fail_ && IsOfDisk(code)); }
  void Run(const std::string& sql, const Params& params = {}) {
    for (int i = 1;; ++i) {
      const Outcome outcome = Try(sql, params);
      if (outcome.code == SQLITE_OK) return;
      if (!MayFail(outcome.code) || i == kMaxReadings) throw SqlError(outcome, sql);
      Pause();
    }
  }
  // A disk is full for longer than it takes to try a hundred times.
  void Pause() const {
    if (disk_may_fail_) std::this_thread::sleep_for(milliseconds(20));
  }
  // Reads what must be there, as often as it is disturbed.
  std::vector<Row> Read(const std::string& sql, const Params& params = {}) {
    for (int i = 1;; ++i) {
      Outcome outcome = Try(sql, params);
      if (outcome.code == SQLITE_OK) return std::move(outcome.rows);
      const bool disturbed = outcome.code == SQLITE_BUSY || IsOfDisk(outcome.code);
      // A transaction may have lost its place.
      if (!disturbed || i == kMaxReadings || InTransaction()) throw SqlError(outcome, sql);
      Pause();
    }
  }
  void Expect(const std::string& what, const std::string& sql, const Params& params,
              int64_t expected) {
    const std::string found = ToLine(Read(sql, params).at(0));
    if (found == std::to_string(expected)) return;
    const std::string trace = trace_;
    std::string entries;
    for (const Row& row : Try("SELECT seq, key, value ->> '$.i' FROM events "
                              "WHERE value ->> '$.txn' = ?1",
                              {id_})
                              .rows) {
      entries += ToLine(row) + ", ";
    }
    throw std::runtime_error(what + " of " + id_ + ": " + found + " instead of " +
                             std::to_string(expected) + ": " + sql + "; entries: " + entries +
                             (InTransaction() ? "in" : "after") + " the transaction; " + trace);
  }

  // --- transactions

  void AppendNow() {
    Begin("one", 1);
    const Outcome outcome = Try("SELECT sv_append('events', NULL, ?1)", {NewValue()});
    if (outcome.code == SQLITE_OK) {
      Count(&Written::events);
      return Acknowledge();
    }
    if (outcome.code == SQLITE_BUSY) return Refuse();
    // It may have been appended.
    if (!IsOfDisk(outcome.code)) throw SqlError(outcome, "sv_append");
  }

  void Transact(Kind kind) {
    const int steps = kind == Kind::kStatement ? 1 : 1 + random_.Below(5);
    Begin(kind == Kind::kBoth ? "both" : "log", steps);
    if (kind == Kind::kStatement) {
      const Outcome outcome = Append();
      return outcome.code == SQLITE_OK ? Acknowledge() : GiveUp(outcome);
    }
    Outcome outcome = Try(random_.OneIn(2) ? "BEGIN" : "BEGIN IMMEDIATE");
    try {
      for (int i = 0; i < steps && outcome.code == SQLITE_OK; ++i) {
        outcome = kind == Kind::kBoth ? Step(0) : Append();
        if (outcome.code == SQLITE_OK && random_.OneIn(4)) CheckOwn();
      }
    } catch (const SqlError& error) {
      if (!MayFail(error.code())) throw;
      outcome.code = error.code();
    }
    if (outcome.code != SQLITE_OK) return GiveUp(outcome);
    if (random_.OneIn(10)) return GiveUp(outcome);
    outcome = Try("COMMIT");
    if (outcome.code == SQLITE_BUSY && random_.OneIn(2) && InTransaction()) {
      outcome = Try("COMMIT");
    }
    if (outcome.code == SQLITE_OK) return Acknowledge();
    GiveUp(outcome);
  }

  void Begin(const std::string& kind, int steps) {
    id_ = kind + "-" + name_ + "-" + std::to_string(number_) + "-" + std::to_string(steps);
    written_ = {};
    trace_.clear();
    before_ = Read("SELECT sv_head()").at(0).at(0);
  }
  bool InTransaction() const { return sqlite3_get_autocommit(db_.handle()) == 0; }

  // `outcome`: why; OK: for no reason.
  void GiveUp(const Outcome& outcome) {
    if (outcome.code != SQLITE_OK && !MayFail(outcome.code)) {
      throw SqlError(outcome, id_ + ": " + last_sql_);
    }
    if (InTransaction()) {
      const Outcome ended = Try("ROLLBACK");
      // What the disk does not let SQLite undo now is undone by whoever reads next.
      if (InTransaction()) throw SqlError(ended, "ROLLBACK");
    }
    Refuse();
  }
  void Refuse() { Say("refused " + id_); }
  void Acknowledge() {
    Say("committed " + id_ + " " + std::to_string(written_.log) + " " +
        std::to_string(written_.marks) + " " + std::to_string(written_.events));
    for (auto& [key, is_live] : written_.documents) documents_[key] = is_live;
    CheckOwn();
  }

  // One step of a transaction of both parts: one that may be taken back, or a mark for each entry.
  Outcome Step(int depth) {
    if (depth == 2 || !random_.OneIn(4)) {
      const int before = written_.log;
      const bool mark_first = random_.OneIn(2);
      Outcome outcome;
      if (mark_first) outcome = Mark();
      if (outcome.code == SQLITE_OK) outcome = random_.OneIn(2) ? Append() : Change();
      const bool unmark = mark_first && written_.log == before;
      if (outcome.code == SQLITE_OK && unmark) outcome = Unmark();
      if (outcome.code == SQLITE_OK && !mark_first && written_.log > before) outcome = Mark();
      return outcome;
    }
    const Written before = written_;
    Outcome outcome = Try("SAVEPOINT s");
    for (int i = random_.Below(3); i >= 0 && outcome.code == SQLITE_OK; --i) {
      outcome = Step(depth + 1);
    }
    if (outcome.code == SQLITE_OK && random_.OneIn(2)) {
      outcome = Try("ROLLBACK TO s");
      written_ = before;
    }
    if (outcome.code == SQLITE_OK) outcome = Try("RELEASE s");
    return outcome;
  }

  Outcome Mark() {
    const Outcome outcome = Try("INSERT INTO marks(txn) VALUES (?1)", {id_});
    written_.marks += outcome.code == SQLITE_OK;
    return outcome;
  }
  Outcome Unmark() {
    const Outcome outcome =
        Try("DELETE FROM marks WHERE rowid = (SELECT max(rowid) FROM marks WHERE txn = ?1)", {id_});
    written_.marks -= outcome.code == SQLITE_OK;
    return outcome;
  }

  std::string NewValue() {
    const std::string padding(random_.OneIn(20) ? 5000 : 0, 'x');
    return "{\"txn\":\"" + id_ + "\",\"i\":" + std::to_string(random_.Below(100)) +
           ",\"n\":" + std::to_string(random_.Below(10)) + ",\"tags\":[\"" + id_ +
           "\",\"all\"],\"padding\":\"" + padding + "\"}";
  }
  std::string OwnKey() { return name_ + "-" + std::to_string(random_.Below(kOwnDocuments)); }
  std::string SharedKey() { return "shared-" + std::to_string(random_.Below(kSharedDocuments)); }

  void Count(int Written::*what = nullptr) {
    ++written_.log;
    if (what != nullptr) ++(written_.*what);
  }

  // One entry in any case.
  Outcome Append() {
    switch (random_.Below(3)) {
      case 0: {
        const Outcome outcome = Try("INSERT INTO events(value) VALUES (?1)", {NewValue()});
        if (outcome.code == SQLITE_OK) Count(&Written::events);
        return outcome;
      }
      case 1: {
        const std::string key = OwnKey();
        const char* const sql = random_.OneIn(2)
                                    ? "INSERT INTO events(key, value) VALUES (?1, ?2)"
                                    : "INSERT OR REPLACE INTO docs(key, value) VALUES (?1, ?2)";
        const Outcome outcome = Try(sql, {key, NewValue()});
        if (outcome.code == SQLITE_OK) {
          Count();
          written_.documents[key] = true;
        }
        return outcome;
      }
      default: {
        const std::string key = SharedKey();
        const Outcome outcome =
            Try("INSERT OR REPLACE INTO docs(key, value) VALUES (?1, ?2)", {key, NewValue()});
        if (outcome.code == SQLITE_OK) {
          Count();
          written_.shared_documents[key] = true;
        }
        return outcome;
      }
    }
  }

  bool IsLive(const std::string& key) const {
    const auto own = written_.documents.find(key);
    if (own != written_.documents.end()) return own->second;
    const auto before = documents_.find(key);
    return before != documents_.end() && before->second;
  }

  // UPDATE or DELETE of a document; an entry where there is one.
  Outcome Change() {
    const bool is_own = !random_.OneIn(4);
    const std::string key = is_own ? OwnKey() : SharedKey();
    const bool deletes = random_.OneIn(3);
    const Outcome outcome =
        deletes ? Try("DELETE FROM docs WHERE key = ?1", {key})
                : Try("UPDATE docs SET value = ?2 WHERE key = ?1", {key, NewValue()});
    if (outcome.code != SQLITE_OK) return outcome;
    const bool changed = sqlite3_changes(db_.handle()) > 0;
    if (is_own && changed != IsLive(key)) {
      throw std::runtime_error("document " + key + (changed ? " is" : " is not") +
                               " live, in transaction " + id_);
    }
    if (!changed) return outcome;
    if (!deletes) Count();
    (is_own ? written_.documents : written_.shared_documents)[key] = !deletes;
    return outcome;
  }

  // --- reading

  // What the transaction has written is there, for this process.
  void CheckOwn() {
    Expect("log", "SELECT count(*) FROM events WHERE seq > ?2 AND value ->> '$.txn' = ?1",
           {id_, before_}, written_.log);
    Expect("marks", "SELECT count(*) FROM marks WHERE txn = ?1", {id_}, written_.marks);
    const int live = written_.Live();
    Expect("view", "SELECT count(*) FROM by_txn WHERE txn = ?1 AND doc_id NOT LIKE 'shared%'",
           {id_}, live);
    Expect("tags", "SELECT count(*) FROM by_tag WHERE key = ?1 AND doc_id NOT LIKE 'shared%'",
           {id_}, live);
    const int most = live + static_cast<int>(written_.shared_documents.size());
    Expect("reduce",
           "SELECT ifnull((SELECT count FROM txn_counts WHERE key = ?1), 0) BETWEEN ?2 AND ?3",
           {id_, int64_t{live}, int64_t{most}}, 1);
    for (const auto& [key, is_live] : written_.documents) {
      Expect("document " + key,
             "SELECT count(*) FROM docs WHERE key = ?1 AND value ->> '$.txn' = ?2", {key, id_},
             is_live);
    }
  }

  // What another process has been told is committed is there, too.
  void ReadSibling() {
    Say("ask");
    std::string answer;
    std::getline(std::cin, answer);
    std::istringstream words(answer);
    int marks = 0, events = 0;
    if (!(words >> id_ >> marks >> events)) return;
    Run("SELECT sv_consistency('latest')");
    Expect("a sibling's marks", "SELECT count(*) FROM marks WHERE txn = ?1", {id_}, marks);
    Expect("a sibling's rows",
           "SELECT count(*) FROM by_txn WHERE txn = ?1 AND typeof(doc_id) = 'integer'", {id_},
           events);
    Expect("a sibling's tags",
           "SELECT count(*) FROM by_tag WHERE key = ?1 AND typeof(doc_id) = 'integer'", {id_},
           events);
    Run("SELECT sv_consistency('session')");
  }

  void DoChore() {
    const std::string view = random_.Pick(SharingViews()).name;
    const auto command = [&](const std::string& table, const std::string& what) {
      const std::string sql = "INSERT INTO " + table + "(" + table + ") VALUES ('" + what + "')";
      const Outcome outcome = Try(sql, {}, kWorkOfChores);
      // It is done another time.
      if (outcome.code != SQLITE_OK && !MayFail(outcome.code)) throw SqlError(outcome, sql);
    };
    switch (random_.Below(60)) {
      case 0:
        return command(view, "rebuild");
      case 1:
        return command(view, "optimize");
      case 2:
        return command(view, "flush");
      case 3:
        return command("events", "flush");
      case 4:
        return command(random_.OneIn(2) ? view : "events", "integrity-check");
      case 5:
      case 6:
        return (void)Read("SELECT * FROM " + view);
      case 7:
        return (void)Read("SELECT * FROM docs");
      case 8:
        return (void)Read("SELECT count(*) FROM events");
      case 9:
        return (void)Read("PRAGMA wal_checkpoint");
      case 10:
        return (void)Read("SELECT * FROM sv_status");
      default:
        return;
    }
  }

  static bool InputHasEnded() {
    pollfd input = {STDIN_FILENO, POLLIN, 0};
    return poll(&input, 1, 0) > 0;
  }

  Watch watch_;
  Database db_;
  const std::string name_;
  Random random_;
  const bool disk_may_fail_;
  int64_t number_ = 0;
  std::string id_;        // of the transaction
  std::string last_sql_;  // for messages, as trace_: the statements of the transaction
  std::string trace_;
  SqlValue before_;  // the log's head before it, or less
  Written written_;
  std::map<std::string, bool> documents_;  // those that only this process writes: whether live
};

int RunMember(const std::vector<std::string>& args) {
  signal(SIGXFSZ, SIG_IGN);  // a disk that is full gives an error
  try {
    Member member(args[0], args[1], std::stoull(args[2]), milliseconds(std::stoi(args[4])),
                  args[5] == kDisturbedByDisk);
    member.Configure(args[3]);
    member.Work();
  } catch (const std::exception& e) {
    Say("error " + InOneLine(e.what()));
    _exit(1);
  }
  return 0;
}
const ChildProgram kRunMember(kSharingMember, RunMember);

}  // namespace
}  // namespace streamview::testing
