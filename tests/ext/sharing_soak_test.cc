// Several processes work on one database, and one after the other is killed, or stopped for a
// while, in the middle of everything that streamview does. What was acknowledged is there, and seen
// at once; what was refused is not; transactions are whole in the log and in ordinary tables; views
// are exact; and no statement takes longer than it may.
//
// STREAMVIEW_KILLS says how many (scripts/soak.sh).

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/workload.h"

namespace streamview::testing {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kDefaultKills = 20;
constexpr int kMembers = 4;
constexpr int kMostTransactions = 30;        // of all, from one kill to the next
constexpr int kLongestSpin = 40'000;         // microseconds, from there to the kill
constexpr int kLongestStop = 300;            // milliseconds
constexpr int kKillsPerCheck = 10;           // about
constexpr milliseconds kLongestWait{10000};  // of a statement
constexpr milliseconds kNoProgress{30000};
constexpr int kSharedDocuments = 5;
constexpr int kOwnDocuments = 5;
constexpr int kMaxReadings = 100;  // of what is disturbed by kills

milliseconds Since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

const std::vector<Workload::View>& Views() {
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

// --- one of the processes

// A line goes to the test at once and whole, from any thread.
void Say(const std::string& line) {
  const std::string bytes = line + "\n";
  if (write(STDOUT_FILENO, bytes.data(), bytes.size()) < 0) _exit(3);
}

// Tells of statements that take too long, also of those that never end.
class Watch {
 public:
  Watch() : thread_([this] { Run(); }) {}
  ~Watch() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  Outcome Time(const std::string& sql, const std::function<Outcome()>& run) {
    {
      std::lock_guard lock(mutex_);
      sql_ = sql;
      start_ = Clock::now();
    }
    Outcome outcome = run();
    std::lock_guard lock(mutex_);
    const milliseconds taken = Since(*start_);
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
      if (!start_ || Since(*start_) < kLongestWait) continue;
      Say("longest " + std::to_string(Since(*start_).count()) + " still running: " + sql_);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string sql_;
  std::optional<Clock::time_point> start_;
  milliseconds longest_{100};  // below, nobody wants to know
  bool stopping_ = false;
  std::thread thread_;
};

class Member {
 public:
  Member(const std::string& path, std::string name, uint64_t seed)
      : db_(path), name_(std::move(name)), random_(seed) {}

  void Configure(const std::string& synchronous) {
    Run("PRAGMA busy_timeout = 5000");
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

  Outcome Try(const std::string& sql, const Params& params = {}) {
    last_sql_ = sql;
    return watch_.Time(sql, [&] { return db_.Try(sql, params); });
  }
  void Run(const std::string& sql, const Params& params = {}) {
    for (int i = 1;; ++i) {
      const Outcome outcome = Try(sql, params);
      if (outcome.code == SQLITE_OK) return;
      if (outcome.code != SQLITE_BUSY || i == kMaxReadings) throw SqlError(outcome, sql);
    }
  }
  // Reads what must be there, as often as it is disturbed.
  std::vector<Row> Read(const std::string& sql, const Params& params = {}) {
    for (int i = 1;; ++i) {
      Outcome outcome = Try(sql, params);
      if (outcome.code == SQLITE_OK) return std::move(outcome.rows);
      const bool disturbed = outcome.code == SQLITE_BUSY || outcome.code == SQLITE_IOERR;
      // A transaction may have lost its place.
      if (!disturbed || i == kMaxReadings || InTransaction()) throw SqlError(outcome, sql);
      Say(outcome.code == SQLITE_BUSY ? "busy" : "ioerr");
    }
  }
  void Expect(const std::string& what, const std::string& sql, const Params& params,
              int64_t expected) {
    const std::string found = ToLine(Read(sql, params).at(0));
    if (found == std::to_string(expected)) return;
    throw std::runtime_error(what + " of " + id_ + ": " + found + " instead of " +
                             std::to_string(expected) + ": " + sql);
  }

  // --- transactions

  void AppendNow() {
    Begin("one", 1);
    const Outcome outcome = Try("SELECT sv_append('events', NULL, ?1)", {NewValue()});
    if (outcome.code == SQLITE_OK) {
      Count(&Written::events);
      return Acknowledge();
    }
    if (outcome.code == SQLITE_BUSY) return Refuse("busy");
    if (outcome.code != SQLITE_IOERR) throw SqlError(outcome, "sv_append");
    Say("ioerr");  // it may have been appended
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
      if (error.code() != SQLITE_BUSY) throw;
      outcome.code = SQLITE_BUSY;
    }
    if (outcome.code != SQLITE_OK) return GiveUp(outcome);
    if (random_.OneIn(10)) return GiveUp(outcome);
    outcome = Try("COMMIT");
    if (outcome.code == SQLITE_BUSY && random_.OneIn(2) && InTransaction()) {
      Say("busy");
      outcome = Try("COMMIT");
    }
    if (outcome.code == SQLITE_OK) return Acknowledge();
    GiveUp(outcome);
  }

  void Begin(const std::string& kind, int steps) {
    id_ = kind + "-" + name_ + "-" + std::to_string(number_) + "-" + std::to_string(steps);
    written_ = {};
    before_ = Read("SELECT sv_head()").at(0).at(0);
  }
  bool InTransaction() const { return sqlite3_get_autocommit(db_.handle()) == 0; }

  // `outcome`: why; OK: for no reason.
  void GiveUp(const Outcome& outcome) {
    if (outcome.code != SQLITE_OK && outcome.code != SQLITE_BUSY) {
      throw SqlError(outcome, id_ + ": " + last_sql_);
    }
    if (InTransaction()) Run("ROLLBACK");
    Refuse(outcome.code == SQLITE_BUSY ? "busy" : "");
  }
  void Refuse(const std::string& why) {
    if (!why.empty()) Say(why);
    Say("refused " + id_);
  }
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
    const std::string view = random_.Pick(Views()).name;
    const auto command = [&](const std::string& table, const std::string& what) {
      Run("INSERT INTO " + table + "(" + table + ") VALUES ('" + what + "')");
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
  int64_t number_ = 0;
  std::string id_;        // of the transaction
  std::string last_sql_;  // for messages
  SqlValue before_;       // the log's head before it, or less
  Written written_;
  std::map<std::string, bool> documents_;  // those that only this process writes: whether live
};

// On the database `args[0]`, under the name `args[1]`, with the seed `args[2]` and `PRAGMA
// synchronous` `args[3]`.
int RunMember(const std::vector<std::string>& args) {
  try {
    Member member(args[0], args[1], std::stoull(args[2]));
    member.Configure(args[3]);
    member.Work();
  } catch (const std::exception& e) {
    std::string what = e.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    Say("error " + what);
    _exit(1);
  }
  return 0;
}
const ChildProgram kRunMember("sharing-member", RunMember);

// --- the test

// What the processes have said.
class Record {
 public:
  struct Transaction {
    int log = 0, marks = 0, events = 0;
  };

  void Take(const std::string& member, const std::string& line) {
    std::istringstream words(line);
    std::string what, id;
    words >> what;
    std::lock_guard lock(mutex_);
    if (what == "committed") {
      Transaction t;
      words >> id >> t.log >> t.marks >> t.events;
      committed_[id] = t;
      last_[member] = id;
      ++acknowledged_;
    } else if (what == "refused") {
      words >> id;
      refused_.insert(id);
    } else if (what == "busy") {
      ++busy_;
    } else if (what == "ioerr") {
      ++cut_short_;
    } else if (what == "longest") {
      int64_t taken = 0;
      words >> taken;
      if (milliseconds(taken) > longest_) {
        longest_ = milliseconds(taken);
        slowest_ = line;
      }
    } else {
      errors_.push_back(member + ": " + line);
    }
    changed_.notify_all();
  }

  // A transaction that another process was told is committed; empty: there is none.
  std::string OfSibling(const std::string& member) {
    std::lock_guard lock(mutex_);
    std::string answer;
    for (const auto& [other, id] : last_) {
      if (other == member) continue;
      const Transaction& t = committed_[id];
      answer = id + " " + std::to_string(t.marks) + " " + std::to_string(t.events);
      if (++asked_ % 3 == 0) break;
    }
    return answer;
  }

  // False: that has not come in time, or something is wrong.
  bool AwaitCommitted(int more) {
    std::unique_lock lock(mutex_);
    const int wanted = acknowledged_ + more;
    const bool come = changed_.wait_for(lock, kNoProgress, [&] {
      return acknowledged_ >= wanted || !errors_.empty() || longest_ > kLongestWait;
    });
    return come && errors_.empty() && longest_ <= kLongestWait;
  }

  // REQUIRES: no process runs
  std::map<std::string, Transaction>& committed() { return committed_; }
  std::set<std::string>& refused() { return refused_; }

  std::string Errors() {
    std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& error : errors_) all += error + "\n";
    if (longest_ > kLongestWait) all += slowest_ + "\n";
    return all;
  }
  std::string Summary() {
    std::lock_guard lock(mutex_);
    return std::to_string(acknowledged_) + " transactions acknowledged, " +
           std::to_string(refused_.size()) + " refused, " + std::to_string(busy_) + " busy, " +
           std::to_string(cut_short_) + " cut short, longest: " +
           (slowest_.empty() ? "below 100 ms" : slowest_.substr(slowest_.find(' ') + 1));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Transaction> committed_;
  std::set<std::string> refused_;
  std::map<std::string, std::string> last_;  // of each process
  Lines errors_;
  milliseconds longest_{0};
  std::string slowest_;
  int acknowledged_ = 0, busy_ = 0, cut_short_ = 0, asked_ = 0;
};

// A process, and the thread that listens to it.
class RunningMember {
 public:
  RunningMember(const std::string& path, const std::string& name, uint64_t seed,
                const std::string& synchronous, Record* record)
      : name_(name),
        process_("sharing-member", {path, name, std::to_string(seed), synchronous}),
        listener_([this, record] { Listen(record); }) {}
  ~RunningMember() {
    if (!listener_.joinable()) return;
    process_.Kill();
    listener_.join();
  }

  pid_t pid() const { return process_.pid(); }
  void Stop() { kill(pid(), SIGSTOP); }
  void Continue() { kill(pid(), SIGCONT); }
  void Kill() {
    process_.Kill();
    listener_.join();
    EXPECT_EQ(process_.Wait(), -SIGKILL) << name_ << " ended by itself";
  }
  void Close() {
    {
      std::lock_guard lock(answering_);
      process_.CloseInput();
      closed_ = true;
    }
    listener_.join();
    EXPECT_EQ(process_.Wait(), 0) << name_;
  }

 private:
  void Listen(Record* record) {
    while (const auto line = process_.ReadLine()) {
      if (*line == "ask") {
        std::lock_guard lock(answering_);
        if (closed_) continue;
        try {
          process_.WriteLine(record->OfSibling(name_));
        } catch (const std::exception&) {
          // It was killed.
        }
      } else {
        record->Take(name_, *line);
      }
    }
  }

  const std::string name_;
  ChildProcess process_;
  std::mutex answering_;
  bool closed_ = false;
  std::thread listener_;
};

class SharingSoakTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {
 protected:
  SharingSoakTest() : random_(TestSeed()) {
    signal(SIGPIPE, SIG_IGN);  // a process that is killed does not take its answer
    if (const char* kills = std::getenv("STREAMVIEW_KILLS")) kills_ = std::atoi(kills);
    db_->Run(std::string("PRAGMA journal_mode = ") + GetParam() +
             "; CREATE VIRTUAL TABLE events USING sv_log;"
             "CREATE VIRTUAL TABLE docs USING sv_docs(log = events);"
             "CREATE TABLE marks(txn);"
             "CREATE INDEX marks_by_txn ON marks(txn)");
    for (const Workload::View& view : Views()) {
      db_->Run("CREATE VIRTUAL TABLE " + view.name + " USING sv_view(log = events, " +
               view.options + ")");
    }
    db_->Close();
    members_.resize(kMembers);
  }

  void StartMissing() {
    for (auto& member : members_) {
      if (member != nullptr) continue;
      member = std::make_unique<RunningMember>(path_, "m" + std::to_string(++started_),
                                               random_.Below(1 << 30),
                                               random_.OneIn(2) ? "FULL" : "NORMAL", &record_);
    }
  }

  // The one that holds the log, now and then; else any.
  std::unique_ptr<RunningMember>& PickMember() {
    if (random_.OneIn(2)) {
      pid_t holder = 0;
      std::ifstream(log_dir_ + "/HOLDER") >> holder;
      for (auto& member : members_) {
        if (member->pid() == holder) return member;
      }
    }
    return members_[random_.Below(kMembers)];
  }

  // The processes are somewhere else, then.
  bool Continue() {
    const bool goes_on = record_.AwaitCommitted(random_.Below(kMostTransactions));
    std::this_thread::sleep_for(std::chrono::microseconds(random_.Below(kLongestSpin)));
    return goes_on;
  }

  void KillSome() {
    const int count = random_.OneIn(5) ? 2 : 1;
    for (int i = 0; i < count; ++i) {
      auto& member = PickMember();
      if (member == nullptr) return;
      member->Kill();
      member.reset();
      if (i + 1 < count) StartMissing();
    }
  }

  void StopSome() {
    auto& member = PickMember();
    member->Stop();
    std::this_thread::sleep_for(milliseconds(random_.Below(kLongestStop)));
    member->Continue();
  }

  void EndAll() {
    const bool kill = random_.OneIn(2);
    for (auto& member : members_) {
      if (member == nullptr) continue;
      kill ? member->Kill() : member->Close();
      member.reset();
    }
  }

  using Counts = std::map<std::string, int>;
  Counts CountBy(const std::string& sql) {
    Counts counts;
    for (const Row& row : db_->QueryRows(sql)) {
      counts[std::get<std::string>(row[0])] = static_cast<int>(std::get<int64_t>(row[1]));
    }
    return counts;
  }

  static bool MayBe(const std::string& id, int log, int marks) {
    if (id.starts_with("both")) return log == marks;
    return marks == 0 && (log == 0 || log == std::stoi(id.substr(id.rfind('-') + 1)));
  }

  void CheckTransactions() {
    Counts log = CountBy(
        "SELECT value ->> '$.txn', count(*) FROM events WHERE value IS NOT NULL GROUP BY 1");
    Counts marks = CountBy("SELECT txn, count(*) FROM marks GROUP BY 1");
    auto& committed = record_.committed();
    const auto describe = [&](const std::string& id) {
      return id + ": " + std::to_string(log[id]) + " entries and " + std::to_string(marks[id]) +
             " marks";
    };
    for (const auto& [id, t] : committed) {
      EXPECT_TRUE(log[id] == t.log && marks[id] == t.marks)
          << describe(id) << " instead of " << t.log << " and " << t.marks;
    }
    for (const std::string& id : record_.refused()) {
      EXPECT_TRUE(log[id] == 0 && marks[id] == 0) << describe(id) << ", and was refused";
    }
    std::set<std::string> all;
    for (const auto& [id, count] : log) all.insert(id);
    for (const auto& [id, count] : marks) all.insert(id);
    for (const std::string& id : all) {
      if (log[id] + marks[id] == 0 || committed.count(id) != 0) continue;
      EXPECT_TRUE(MayBe(id, log[id], marks[id])) << describe(id) << ", which is torn";
      committed[id] = {log[id], marks[id], 0};  // from now on it must stay
    }
  }

  void Check() {
    EndAll();
    EXPECT_EQ(record_.Errors(), "");
    if (HasFailure()) return;
    db_ = Connect();
    CheckTransactions();
    for (const Workload::View& view : Views()) {
      EXPECT_EQ(db_->Query("SELECT * FROM " + view.name), ToLines(view.Compute(*db_))) << view.name;
      db_->Run("INSERT INTO " + view.name + "(" + view.name + ") VALUES ('integrity-check')");
    }
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
    EXPECT_EQ(db_->Integer("SELECT ifnull(max(seq), 0) = count(*) AND count(*) = sv_head() "
                           "FROM events"),
              1);
    EXPECT_EQ(db_->Query("PRAGMA integrity_check"), Lines{"'ok'"});
    db_->Close();
  }

  // `disturb` does it once.
  void Soak(const std::string& what, const std::function<void()>& disturb) {
    for (int i = 1; i <= kills_; ++i) {
      StartMissing();
      const bool goes_on = Continue();
      ASSERT_TRUE(goes_on) << "after " << i - 1 << " " << what << "\n" << record_.Errors();
      disturb();
      if (i == kills_ || random_.OneIn(kKillsPerCheck)) Check();
      ASSERT_FALSE(HasFailure()) << "after " << i << " " << what << ", " << record_.Summary();
    }
    std::cout << kills_ << " " << what << ", " << record_.Summary() << ", "
              << Since(start_).count() / 1000 << " s" << std::endl;
  }

  Random random_;
  int kills_ = kDefaultKills;
  const Clock::time_point start_ = Clock::now();
  Record record_;
  std::vector<std::unique_ptr<RunningMember>> members_;
  int started_ = 0;
};

TEST_P(SharingSoakTest, KilledProcessesLoseNothingAndHoldNobodyUp) {
  Soak("kills", [this] { KillSome(); });
}

TEST_P(SharingSoakTest, StoppedProcessesHoldOthersUpOnlyMeanwhile) {
  Soak("stops", [this] { StopSome(); });
}

INSTANTIATE_TEST_SUITE_P(JournalModes, SharingSoakTest, ::testing::Values("WAL", "DELETE"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace streamview::testing
