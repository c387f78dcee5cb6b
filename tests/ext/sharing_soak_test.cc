// Several processes work on one database, and one after the other is killed, or stopped for a
// while, in the middle of everything that streamview does. What was acknowledged is there, and seen
// at once; what was refused is not; transactions are whole in the log and in ordinary tables; views
// are exact; and no statement takes longer than it may.
//
// STREAMVIEW_KILLS says how many (scripts/soak.sh).

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
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
#include "tests/ext/testing/sharing_member.h"

namespace streamview::testing {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kDefaultTimes = 20;
constexpr int kMembers = 4;
constexpr int kTransactionsBetween = 30;  // of all, from one kill to the next
constexpr int kLongestPause = 40'000;     // microseconds, from there to the kill
constexpr int kShortStop = 300;           // milliseconds, at most
constexpr milliseconds kLongStop{9000};   // at most: more than a statement waits
constexpr int kKillsPerLongStop = 10;     // a long one takes as long as so many
constexpr int kKillsPerCheck = 10;        // about
constexpr milliseconds kHangs{5000};      // a statement that takes longer, without being stopped
constexpr milliseconds kNoProgress{30000};
constexpr int kLongestFull = 300;   // milliseconds
constexpr int kMostRoom = 300'000;  // bytes of a file, on a disk that is full

milliseconds Since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// What the processes have said.
class Journal {
 public:
  // How long a statement may take. Before any process runs.
  void set_limit(milliseconds limit) { limit_ = limit; }

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
      if (line.find("does not answer") != std::string::npos) silent_.push_back(line);
    } else if (what == "failed") {
      ++failed_;
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
      return acknowledged_ >= wanted || !errors_.empty() || longest_ > limit_;
    });
    return come && errors_.empty() && longest_ <= limit_;
  }

  // Whether a statement fails, within `time`, because `pid` does not answer.
  bool AwaitNamed(pid_t pid, milliseconds time) {
    const std::string name = "process " + std::to_string(pid) + ",";
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [&] {
      return std::any_of(silent_.begin(), silent_.end(), [&](const std::string& line) {
        return line.find(name) != std::string::npos;
      });
    });
  }

  // REQUIRES: no process runs
  std::map<std::string, Transaction>& committed() { return committed_; }
  std::set<std::string>& refused() { return refused_; }

  std::string Errors() {
    std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& error : errors_) all += error + "\n";
    if (longest_ > limit_) all += slowest_ + "\n";
    return all;
  }
  std::string Summary() {
    std::lock_guard lock(mutex_);
    return std::to_string(acknowledged_) + " transactions acknowledged, " +
           std::to_string(refused_.size()) + " refused, " + std::to_string(busy_) + " busy (" +
           std::to_string(silent_.size()) + " without an answer), " + std::to_string(failed_) +
           " failed, longest: " +
           (slowest_.empty() ? "below 100 ms" : slowest_.substr(slowest_.find(' ') + 1));
  }

 private:
  milliseconds limit_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Transaction> committed_;
  std::set<std::string> refused_;
  std::map<std::string, std::string> last_;  // of each process
  Lines errors_;
  milliseconds longest_{0};
  std::string slowest_;
  int acknowledged_ = 0, busy_ = 0, failed_ = 0, asked_ = 0;
  Lines silent_;  // what was said of processes that do not answer
};

// A process, and the thread that listens to it.
class RunningMember {
 public:
  // `args` are the program's arguments; the second one is the member's name.
  RunningMember(const std::vector<std::string>& args, Journal* journal)
      : name_(args[1]),
        process_(kSharingMember, args),
        listener_([this, journal] { Listen(journal); }) {}
  ~RunningMember() {
    if (!listener_.joinable()) return;
    process_.Kill();
    listener_.join();
  }

  pid_t pid() const { return process_.pid(); }
  void Stop() { process_.Stop(); }
  void Continue() { process_.Continue(); }
  // How large it may make files.
  void LimitFiles(rlim_t bytes) {
    const rlimit limit = {bytes, RLIM_INFINITY};
    if (prlimit(pid(), RLIMIT_FSIZE, &limit, nullptr) != 0) throw std::runtime_error("prlimit");
  }
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
  void Listen(Journal* journal) {
    while (const auto line = process_.ReadLine()) {
      if (*line == "ask") {
        std::lock_guard lock(answering_);
        if (closed_) continue;
        try {
          process_.WriteLine(journal->OfSibling(name_));
        } catch (const std::exception&) {
          // It was killed.
        }
      } else {
        journal->Take(name_, *line);
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
    for (const Workload::View& view : SharingViews()) {
      db_->Run("CREATE VIRTUAL TABLE " + view.name + " USING sv_view(log = events, " +
               view.options + ")");
    }
    db_->Close();
    members_.resize(kMembers);
  }

  void StartMissing() {
    for (auto& member : members_) {
      if (member != nullptr) continue;
      const std::vector<std::string> args = {path_,
                                             "m" + std::to_string(++started_),
                                             std::to_string(random_.Below(1 << 30)),
                                             random_.OneIn(2) ? "FULL" : "NORMAL",
                                             std::to_string(limit_.count()),
                                             disturbance_};
      member = std::make_unique<RunningMember>(args, &journal_);
    }
  }

  // 0: nobody, or it cannot be told.
  pid_t ReadHolder() const {
    pid_t holder = 0;
    std::ifstream(log_dir_ + "/HOLDER") >> holder;
    return holder;
  }

  // The one that holds the log, now and then; else any.
  std::unique_ptr<RunningMember>& PickMember() {
    if (random_.OneIn(2)) {
      const pid_t holder = ReadHolder();
      for (auto& member : members_) {
        if (member->pid() == holder) return member;
      }
    }
    return members_[random_.Below(kMembers)];
  }

  // The processes are somewhere else, then.
  bool Continue() {
    const bool goes_on = journal_.AwaitCommitted(random_.Below(kTransactionsBetween));
    std::this_thread::sleep_for(std::chrono::microseconds(random_.Below(kLongestPause)));
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
    std::this_thread::sleep_for(milliseconds(random_.Below(kShortStop)));
    member->Continue();
  }

  // Until somebody has said who it is that does not answer, or was busy without.
  void StopForLong() {
    auto& member = PickMember();
    const bool holds = member->pid() == ReadHolder();
    member->Stop();
    if (journal_.AwaitNamed(member->pid(), kLongStop)) ++named_;
    holders_stopped_ += holds;
    member->Continue();
  }

  // Of one of them, or of all.
  void FillDisk() {
    const bool all = random_.OneIn(2);
    const rlim_t bytes = random_.OneIn(2) ? 0 : random_.Below(kMostRoom);
    auto& one = PickMember();
    for (auto& member : members_) {
      if (all || member == one) member->LimitFiles(bytes);
    }
    std::this_thread::sleep_for(milliseconds(random_.Below(kLongestFull)));
    for (auto& member : members_) member->LimitFiles(RLIM_INFINITY);
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
    auto& committed = journal_.committed();
    const auto describe = [&](const std::string& id) {
      return id + ": " + std::to_string(log[id]) + " entries and " + std::to_string(marks[id]) +
             " marks";
    };
    for (const auto& [id, t] : committed) {
      EXPECT_TRUE(log[id] == t.log && marks[id] == t.marks)
          << describe(id) << " instead of " << t.log << " and " << t.marks;
    }
    for (const std::string& id : journal_.refused()) {
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
    EXPECT_EQ(journal_.Errors(), "");
    if (HasFailure()) return;
    db_ = Connect();
    CheckTransactions();
    for (const Workload::View& view : SharingViews()) {
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

  // `disturb` does it once. `longest`: for how long it stops a process.
  void Soak(const std::string& what, int times, milliseconds longest,
            const std::function<void()>& disturb) {
    limit_ = kHangs + longest;
    journal_.set_limit(limit_);
    for (int i = 1; i <= times; ++i) {
      StartMissing();
      const bool goes_on = Continue();
      ASSERT_TRUE(goes_on) << "after " << i - 1 << " " << what << ", " << journal_.Summary() << "\n"
                           << journal_.Errors();
      disturb();
      if (i == times || random_.OneIn(kKillsPerCheck)) Check();
      ASSERT_FALSE(HasFailure()) << "after " << i << " " << what << ", " << journal_.Summary();
    }
    std::cout << times << " " << what << ", " << journal_.Summary() << ", "
              << Since(start_).count() / 1000 << " s" << std::endl;
  }

  Random random_;
  int kills_ = kDefaultTimes;
  const Clock::time_point start_ = Clock::now();
  milliseconds limit_{0};
  std::string disturbance_ = kDisturbedByOthers;
  Journal journal_;
  std::vector<std::unique_ptr<RunningMember>> members_;
  int started_ = 0;
  int holders_stopped_ = 0, named_ = 0;
};

TEST_P(SharingSoakTest, KilledProcessesLoseNothingAndHoldNobodyUp) {
  Soak("kills", kills_, milliseconds(0), [this] { KillSome(); });
}

TEST_P(SharingSoakTest, StoppedProcessesHoldOthersUpOnlyMeanwhile) {
  Soak("stops", kills_, milliseconds(kShortStop), [this] { StopSome(); });
}

TEST_P(SharingSoakTest, AProcessThatIsStoppedForLongIsNamedAndAllGoesOnWhenItDoes) {
  const int times = std::max(2, kills_ / kKillsPerLongStop);
  Soak("long stops", times, kLongStop, [this] { StopForLong(); });
  std::cout << holders_stopped_ << " of who held the log, " << named_ << " named" << std::endl;
  // Whoever is stopped with SQLite's own lock is not named by SQLite.
  EXPECT_TRUE(named_ > 0 || holders_stopped_ < 10);
}

TEST_P(SharingSoakTest, AFullDiskLosesNothing) {
  disturbance_ = kDisturbedByDisk;
  Soak("full disks", kills_, milliseconds(kLongestFull), [this] { FillDisk(); });
}

INSTANTIATE_TEST_SUITE_P(JournalModes, SharingSoakTest, ::testing::Values("WAL", "DELETE"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace streamview::testing