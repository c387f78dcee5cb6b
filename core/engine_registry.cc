#include "core/engine_registry.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <utility>

#include "core/base/file_id.h"
#include "core/base/mutex.h"
#include "core/base/process.h"
#include "core/base/random_id.h"
#include "core/base/without_failing.h"
#include "core/local_engine.h"
#include "core/map/json_path_mapper.h"
#include "core/remote/listener.h"
#include "core/remote/remote_engine.h"
#include "core/remote/server.h"
#include "core/storage/directory_lock.h"
#include "core/storage/log_directory.h"
#include "core/storage/log_owner.h"

namespace streamview {

namespace {

// The engines that are open in this process. Never destroyed: engines close after static
// destructors.
class Registry {
 public:
  // A forked child gets one of its own: what its parent had open is not open in the child.
  static Registry& Get();

  Result<std::shared_ptr<Engine>> Create(const EngineOptions& options) EXCLUDES(mutex_);
  Result<std::shared_ptr<Engine>> Open(const EngineOptions& options, const WaitOptions& wait)
      EXCLUDES(mutex_);
  Status Claim(const std::string& directory, const std::string& log_id, bool claimed)
      EXCLUDES(mutex_);
  Status Destroy(const std::string& directory, const std::string& log_id) EXCLUDES(mutex_);

 private:
  // An expired engine is one that is closing: its directory is locked until it is erased here.
  struct OpenLog {
    std::weak_ptr<Engine> engine;
    std::string directory;  // EngineOptions::directory
    std::string database;   // EngineOptions::database
    uint64_t number = 0;    // no other one has had it
  };
  using Engines = std::map<std::string, OpenLog>;

  explicit Registry(const Registry* inherited) : inherited_(inherited) {}
  Status CheckProcess() const;
  bool HasEngines() const;
  static std::string KeyOf(const EngineOptions& options);
  // Sets *engine to what this process has open, be it lost; leaves it where it has none.
  Status FindOpen(const EngineOptions& options, std::shared_ptr<Engine>* engine) REQUIRES(mutex_);
  // Takes the directory, and opens it. Sets *is_held where another process has it: then kBusy.
  Status Hold(const EngineOptions& options, std::shared_ptr<Engine>* engine, bool* is_held)
      REQUIRES(mutex_);
  Result<std::shared_ptr<Engine>> Connect(const EngineOptions& options, const Status& held,
                                          const WaitOptions& wait) EXCLUDES(mutex_);
  void AwaitClosed(const std::string& key) REQUIRES(mutex_);
  Status CheckNotReplaced(const EngineOptions& options) REQUIRES(mutex_);
  // `writable`: as LocalEngine::Open has it.
  Result<std::shared_ptr<Engine>> Start(const EngineOptions& options, bool create,
                                        const Status& writable, std::shared_ptr<DirectoryLock> lock)
      REQUIRES(mutex_);
  template <typename Log>
  std::shared_ptr<Engine> Register(const EngineOptions& options, std::unique_ptr<Log> log)
      REQUIRES(mutex_);
  void Erase(const std::string& key, uint64_t number) EXCLUDES(mutex_);

  const ProcessMark process_;
  const Registry* const inherited_;     // of the process that this one was forked from; may be null
  std::atomic<int> engines_alive_ = 0;  // open, or being opened or closed
  Mutex mutex_;
  CondVar closed_;
  Engines engines_ GUARDED_BY(mutex_);
  uint64_t last_number_ GUARDED_BY(mutex_) = 0;
};

// A log that this process holds. What is declared later goes first.
struct HeldLog {
  // A forked child leaves what serves others alone: the threads are the parent's.
  ~HeldLog() {
    if (process.InForkedChild()) {
      (void)listener.release();
      (void)server.release();
      return;
    }
    listener.reset();
    server.reset();
    if (std::exchange(engine, nullptr) != nullptr) WithoutFailing([this] { RemoveIfDropped(); });
  }
  // Another process may have dropped the log, which could not delete what this one held.
  void RemoveIfDropped() const {
    if (lock == nullptr || !was_dropped || !IsUnclaimed(lock->directory())) return;
    const Result<bool> dropped = was_dropped();
    if (dropped.ok() && *dropped) (void)RemoveLogDirectory(*lock);
  }

  const ProcessMark process;
  std::function<Result<bool>()> was_dropped;
  std::shared_ptr<std::atomic<int>> alive;
  std::shared_ptr<DirectoryLock> lock;
  std::unique_ptr<LocalEngine> engine;
  std::unique_ptr<Server> server;
  std::unique_ptr<Listener> listener;
};

// One that another process holds.
struct RemoteLog {
  std::unique_ptr<RemoteEngine> engine;
};

// A directory that holds a log.
Result<DirectoryInfo> InspectLog(const std::string& directory) {
  SV_ASSIGN_OR_RETURN(DirectoryInfo info, InspectDirectory(directory));
  if (info.kind == DirectoryKind::kMissing || info.kind == DirectoryKind::kEmpty) {
    return Status::CannotOpen("the log's directory is missing: " + directory);
  }
  if (info.kind == DirectoryKind::kForeign) {
    return Status::CannotOpen(directory + " is not a streamview log directory");
  }
  return info;
}

// By device and inode: a directory that was renamed while it is open is still the same.
std::string DirectoryKey(const std::string& directory) {
  const std::optional<FileId> id = FileId::Of(directory);
  return id ? id->ToString() : "missing:" + directory;
}

// Also where it cannot be found out. No file is the same as none only.
bool IsSameFile(const std::string& a, const std::string& b) {
  if (a == b) return true;
  if (a.empty() || b.empty()) return false;
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) || error;
}

Registry& Registry::Get() {
  static std::atomic<Registry*> instance = nullptr;
  Registry* present = instance.load(std::memory_order_acquire);
  while (present == nullptr || present->process_.InForkedChild()) {
    std::unique_ptr<Registry> own(new Registry(present));
    if (instance.compare_exchange_strong(present, own.get())) present = own.release();
  }
  return *present;
}

bool Registry::HasEngines() const {
  return engines_alive_ != 0 || (inherited_ != nullptr && inherited_->HasEngines());
}

// An engine that was open when the process was forked may have locked anything in RocksDB then.
Status Registry::CheckProcess() const {
  if (inherited_ == nullptr || !inherited_->HasEngines()) return Status::Ok();
  return InheritedByFork();
}

std::string Registry::KeyOf(const EngineOptions& options) {
  return options.directory.empty() ? "memory:" + options.log_id : DirectoryKey(options.directory);
}

void Registry::AwaitClosed(const std::string& key) {
  for (;;) {
    const auto it = engines_.find(key);
    if (it == engines_.end() || !it->second.engine.expired()) return;
    closed_.Wait(mutex_);
  }
}

void Registry::Erase(const std::string& key, uint64_t number) {
  MutexLock lock(mutex_);
  const auto it = engines_.find(key);
  // Another may have taken the place of one that was lost.
  if (it != engines_.end() && it->second.number == number) engines_.erase(it);
  closed_.NotifyAll();
}

// Another directory may have got the name of one that is open.
Status Registry::CheckNotReplaced(const EngineOptions& options) {
  const std::string key = KeyOf(options);
  for (const auto& [other_key, other] : engines_) {
    if (other_key == key || other.directory != options.directory) continue;
    return Status::CannotOpen("log directory " + options.directory +
                              " was deleted or moved away while this process has it open; close "
                              "the connections that use the old one first");
  }
  return Status::Ok();
}

// Why a log that is open for `database` cannot be opened for another one, or for none.
Status UsedOtherwise(const std::string& directory, const std::string& database) {
  if (database.empty()) {
    return Status::CannotOpen("log directory " + directory +
                              " is open in this process without a database");
  }
  return Status::CannotOpen("log directory " + directory + " belongs to " + database +
                            ", and this database is a copy of it");
}

// JSON-path views are the engine's own; the caller's factory makes the others.
MapperFactory WithJsonPaths(MapperFactory others) {
  return [others = std::move(others)](
             const ViewDefinition& definition) -> Result<std::unique_ptr<Mapper>> {
    if (definition.kind == MapKind::kJsonPath) return NewJsonPathMapper(definition);
    if (!others) {
      return Status::InvalidArgument("this program has no mapper for view " + definition.name);
    }
    return others(definition);
  };
}

std::string SocketOf(const EngineOptions& options) { return options.directory + "/" + kSocketName; }

// A log can do without: then other processes cannot use it, and are told why.
void Serve(const EngineOptions& options, HeldLog* held) {
  ServerOptions server_options;
  server_options.was_committed = options.was_committed;
  server_options.host = options.host;
  // The server goes before the engine does.
  const std::shared_ptr<Engine> engine(std::shared_ptr<Engine>(), held->engine.get());
  Result<std::unique_ptr<Server>> server = Server::New(engine, std::move(server_options));
  if (!server.ok()) return;
  held->server = *std::move(server);
  held->engine->set_count_clients(
      [server = held->server.get()] { return uint64_t{server->clients()}; });
  Result<std::unique_ptr<Listener>> listener = Listener::New(
      SocketOf(options),
      [server = held->server.get()](Socket socket) { (void)server->Serve(std::move(socket)); });
  if (listener.ok()) held->listener = *std::move(listener);
}

Result<std::shared_ptr<Engine>> Registry::Start(const EngineOptions& options, bool create,
                                                const Status& writable,
                                                std::shared_ptr<DirectoryLock> lock) {
  auto held = std::make_unique<HeldLog>();
  ++engines_alive_;
  held->alive = std::shared_ptr<std::atomic<int>>(&engines_alive_, [](auto* n) { --*n; });
  held->lock = std::move(lock);
  if (writable.ok()) held->was_dropped = options.was_dropped;
  EngineOptions adapted = options;
  adapted.mapper_factory = WithJsonPaths(options.mapper_factory);
  SV_ASSIGN_OR_RETURN(held->engine, LocalEngine::Open(adapted, create, writable));
  const bool serves = options.serves && options.background && writable.ok();
  if (serves && !options.directory.empty()) Serve(options, held.get());
  return Register(options, std::move(held));
}

// Makes the log's engine known, with which the rest of it goes.
template <typename Log>
std::shared_ptr<Engine> Registry::Register(const EngineOptions& options, std::unique_ptr<Log> log) {
  const std::string key = KeyOf(options);
  Engines opened_log;  // in engines_ once nothing can fail any more
  OpenLog& entry = opened_log[key];
  entry.directory = options.directory;
  entry.database = options.database;
  const uint64_t number = entry.number = ++last_number_;
  // Where there is no memory for the pointer, the deleter runs at once, and has nothing to erase:
  // this has the mutex.
  const auto registered = std::make_shared<std::atomic<bool>>(false);
  Log* const released = log.release();
  // What the deleter has goes no sooner than the last weak pointer.
  const std::shared_ptr<Engine> engine(released->engine.get(),
                                       [this, key, number, registered, released](Engine*) {
                                         delete released;
                                         // The child's registry does not know the engine.
                                         if (process_.InForkedChild()) return;
                                         if (*registered) Erase(key, number);
                                       });
  entry.engine = engine;
  engines_.erase(key);  // one that is lost
  engines_.merge(opened_log);
  *registered = true;
  return engine;
}

Result<std::shared_ptr<Engine>> Registry::Create(const EngineOptions& options) {
  SV_RETURN_IF_ERROR(CheckProcess());
  MutexLock lock(mutex_);
  if (options.directory.empty()) return Start(options, /*create=*/true, Status::Ok(), nullptr);
  AwaitClosed(KeyOf(options));
  if (engines_.count(KeyOf(options)) != 0) {
    return Status::CannotOpen("log directory " + options.directory +
                              " is in use by another log; give this one another")
        .WithRemedy(Remedy::kOtherDirectory);
  }
  SV_RETURN_IF_ERROR(CheckNotReplaced(options));
  SV_ASSIGN_OR_RETURN(NewLogDirectory made,
                      MakeLogDirectory(options.directory, options.log_id, options.database));
  const std::shared_ptr<DirectoryLock> held = std::move(made.lock);
  Result<std::shared_ptr<Engine>> engine = Start(options, /*create=*/true, Status::Ok(), held);
  if (!engine.ok()) {
    (void)(made.is_new ? RemoveLogDirectory(*held) : EmptyLogDirectory(*held));
  }
  return engine;
}

Status Registry::FindOpen(const EngineOptions& options, std::shared_ptr<Engine>* engine) {
  const std::string key = KeyOf(options);
  AwaitClosed(key);
  const auto it = engines_.find(key);
  if (it == engines_.end()) return Status::Ok();
  *engine = it->second.engine.lock();
  // The last reference may go between AwaitClosed and here.
  if (!*engine) return Status::Busy("the log is just being closed");
  if ((*engine)->id() != options.log_id) {
    return Status::CannotOpen("log directory " + options.directory + " is in use by log " +
                              (*engine)->id() + ", and the database expects log " + options.log_id);
  }
  if (!IsSameFile(it->second.database, options.database)) {
    return UsedOtherwise(options.directory, it->second.database);
  }
  if (!options.adopt) return Status::Ok();
  return Status::Busy("log directory " + options.directory +
                      " is open in this process, and can be taken over once it is closed");
}

Result<std::shared_ptr<Engine>> Registry::Open(const EngineOptions& options,
                                               const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(CheckProcess());
  // Declared before the lock: the last reference to an engine must not go while it is held.
  std::shared_ptr<Engine> lost, engine;
  bool is_held = false;
  Status held;
  {
    MutexLock lock(mutex_);
    SV_RETURN_IF_ERROR(FindOpen(options, &engine));
    if (engine && !engine->IsLost()) return engine;
    lost.swap(engine);
    if (options.directory.empty()) {
      return Status::CannotOpen("log " + options.name +
                                " was in memory, and went with the connection that made it");
    }
    SV_RETURN_IF_ERROR(InspectLog(options.directory).status());
    SV_RETURN_IF_ERROR(CheckNotReplaced(options));
    held = Hold(options, &engine, &is_held);
  }
  if (is_held) return Connect(options, held, wait);
  SV_RETURN_IF_ERROR(held);
  return engine;
}

Status Registry::Hold(const EngineOptions& options, std::shared_ptr<Engine>* engine,
                      bool* is_held) {
  Status writable = CheckWritable(options.directory);
  Result<std::unique_ptr<DirectoryLock>> taken =
      writable.ok() ? DirectoryLock::Take(options.directory) : writable;
  if (taken.status().code() == StatusCode::kReadOnly && !options.adopt) {
    writable = taken.status();
    taken = DirectoryLock::TakeShared(options.directory);
  }
  *is_held = taken.status().code() == StatusCode::kBusy;
  SV_RETURN_IF_ERROR(taken.status());
  const std::shared_ptr<DirectoryLock> lock = *std::move(taken);
  SV_ASSIGN_OR_RETURN(const DirectoryInfo info, InspectLog(options.directory));
  if (info.log_id != options.log_id) {
    return Status::CannotOpen("log directory " + options.directory + " holds log " + info.log_id +
                              ", and the database expects log " + options.log_id +
                              "; put the right one there, or take this one over")
        .WithRemedy(Remedy::kAdopt);
  }
  // Without a database nobody else knows of a log whose making was cut short: it goes on here.
  const bool create = !info.claimed && options.database.empty();
  SV_ASSIGN_OR_RETURN(*engine, Start(options, create, writable, lock));
  if (!writable.ok()) return Status::Ok();
  // From here on an older version would find neither documents nor views.
  if (info.has_old_format) SV_RETURN_IF_ERROR(NoteFormat(options.directory, info.log_id));
  return info.claimed ? Status::Ok() : SetClaimed(options.directory, true);
}

Result<std::shared_ptr<Engine>> Registry::Connect(const EngineOptions& options, const Status& held,
                                                  const WaitOptions& wait) {
  if (options.adopt || IsHeldByThisProcess(options.directory)) return held;
  SV_RETURN_IF_ERROR(CheckOwner(options.directory, options.database));
  RemoteOptions remote;
  remote.connect = [path = SocketOf(options)](const WaitOptions& connect_wait) {
    return ConnectToHolder(path, connect_wait);
  };
  remote.log_id = options.log_id;
  remote.host = options.host;
  remote.mapper_factory = WithJsonPaths(options.mapper_factory);
  auto log = std::make_unique<RemoteLog>();
  Result<std::unique_ptr<RemoteEngine>> opened = RemoteEngine::Open(remote, wait);
  switch (opened.status().code()) {
    case StatusCode::kOk:
      break;
    case StatusCode::kReadOnly:
      // Whoever is served can hold up those who write, and make the holder work.
      return Status::Busy(
          held.message() +
          ", which serves those who may write to the directory, and this user may not (" +
          opened.status().message() +
          "): permit it, or read the log when nobody has it open for writing");
    case StatusCode::kBusy:
    case StatusCode::kLost:
    case StatusCode::kTimedOut:
      return Status::Busy(held.message() + ": " + opened.status().message());
    default:
      return opened.status().WithContext("log directory " + options.directory);
  }
  log->engine = *std::move(opened);
  std::shared_ptr<Engine> present, engine;
  MutexLock lock(mutex_);
  // Another thread may have been faster.
  SV_RETURN_IF_ERROR(FindOpen(options, &present));
  engine = present && !present->IsLost() ? present : Register(options, std::move(log));
  return engine;
}

Status Registry::Claim(const std::string& directory, const std::string& log_id, bool claimed) {
  if (directory.empty()) return Status::Ok();
  SV_RETURN_IF_ERROR(CheckProcess());
  MutexLock lock(mutex_);
  SV_ASSIGN_OR_RETURN(const DirectoryInfo info, InspectDirectory(directory));
  if (info.kind != DirectoryKind::kLog || info.log_id != log_id) return Status::Ok();
  std::unique_ptr<DirectoryLock> held;
  if (engines_.count(DirectoryKey(directory)) == 0) {
    SV_ASSIGN_OR_RETURN(held, DirectoryLock::Take(directory));
  }
  return SetClaimed(directory, claimed);
}

Status Registry::Destroy(const std::string& directory, const std::string& log_id) {
  SV_RETURN_IF_ERROR(CheckProcess());
  MutexLock lock(mutex_);
  const std::string key = DirectoryKey(directory);
  AwaitClosed(key);
  if (engines_.count(key) != 0) {
    return Status::Busy("log directory " + directory + " is still in use");
  }
  const auto check = [&]() -> Status {
    SV_ASSIGN_OR_RETURN(const DirectoryInfo info, InspectDirectory(directory));
    if (info.kind == DirectoryKind::kLog && info.log_id == log_id) return Status::Ok();
    return Status::CannotOpen(directory + " does not hold log " + log_id);
  };
  SV_RETURN_IF_ERROR(check());
  SV_ASSIGN_OR_RETURN(const std::unique_ptr<DirectoryLock> held, DirectoryLock::Take(directory));
  SV_RETURN_IF_ERROR(check());
  return RemoveLogDirectory(*held);
}

}  // namespace

std::string NewLogId() { return RandomId(16); }

Result<std::shared_ptr<Engine>> CreateEngine(const EngineOptions& options) {
  return Registry::Get().Create(options);
}

Result<std::shared_ptr<Engine>> OpenEngine(const EngineOptions& options, const WaitOptions& wait) {
  return Registry::Get().Open(options, wait);
}

Result<std::string> ReadLogId(const std::string& directory) {
  SV_ASSIGN_OR_RETURN(DirectoryInfo info, InspectLog(directory));
  return std::move(info.log_id);
}

Status ClaimLog(const std::string& directory, const std::string& log_id, bool claimed) {
  return Registry::Get().Claim(directory, log_id, claimed);
}

bool IsUnclaimed(const std::string& directory) {
  if (directory.empty() || !IsMarkedUnclaimed(directory)) return false;
  const Result<DirectoryInfo> info = InspectDirectory(directory);
  return info.ok() && info->kind == DirectoryKind::kLog && !info->claimed;
}

Status DestroyLog(const std::string& directory, const std::string& log_id) {
  return Registry::Get().Destroy(directory, log_id);
}

}  // namespace streamview
