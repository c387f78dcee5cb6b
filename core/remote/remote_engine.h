// RemoteEngine: the engine of a log that another process of this machine holds.
//
// Calls go over a connection each (core/remote/client.h) and wait at most as their WaitOptions say.
// Without a deadline they wait as long as the holder is alive: one that is stopped, or hangs, is
// noticed after some seconds, and the call ends with kBusy, which names its pid. When the
// connection is lost, so is everything that was read or begun over it, and every further call fails
// with kLost: then a new engine is to be made.
//
// Where a function cannot say why it failed, it gives what was known last (Head, checkpoint), or
// says it in what it returns (GetStatus, GetLogStatus).

#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "core/engine.h"
#include "core/remote/client.h"
#include "core/remote/wire.h"

namespace streamview {

struct RemoteOptions : ClientOptions {
  // Makes the mappers of this process (View::NewMapper).
  MapperFactory mapper_factory;
};

class RemoteEngine final : public Engine {
 public:
  // Errors: those of Client::Open.
  static Result<std::unique_ptr<RemoteEngine>> Open(const RemoteOptions& options,
                                                    const WaitOptions& wait);

  // What the holder said of itself.
  const wire::Hello& holder() const { return client_->holder(); }
  // What became of a conditional transaction, as far as the holder knows (Transaction::Prepare).
  Result<wire::TransactionState> FindTransaction(const std::string& token, const WaitOptions& wait);

  const std::string& id() const override { return client_->holder().log_id; }
  Seq Head() const override;
  bool IsLost() const override { return client_->IsLost(); }
  bool IsKnownLost() const override { return client_->is_known_lost(); }
  uint64_t epoch() const override { return client_->holder().epoch; }
  std::unique_ptr<Transaction> Begin() override;
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                        const WaitOptions& wait) override;
  std::unique_ptr<LogCursor> ScanLog(const LogRange& range, Seq* head = nullptr) override;
  Status WaitForHead(Seq seq, const WaitOptions& wait) override;
  Status FlushLog() override;
  Status OptimizeLog() override;
  Status CheckIntegrity(const WaitOptions& wait) override;
  LogStatus GetLogStatus() const override;
  Result<Seq> Backup(const std::string& directory, const WaitOptions& wait) override;

  Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(Seq at_least, const WaitOptions& wait,
                                                       const DocRange* first) override;
  Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(Seq as_of,
                                                           const WaitOptions& wait) override;
  Result<DocVersion> FindVersion(const ValueView& key, Seq at, const WaitOptions& wait) override;
  Result<std::unique_ptr<LogCursor>> ScanHistory(const ValueView& key,
                                                 const WaitOptions& wait) override;

  Result<std::shared_ptr<View>> CreateView(const ViewDefinition& definition,
                                           const std::string& view_id) override;
  Result<std::shared_ptr<View>> FindView(const std::string& view_id) override;
  Result<std::map<std::string, ViewDefinition>> ListViews() const override;
  Status RenameView(const std::string& view_id, const std::string& name) override;
  Status DropView(const std::string& view_id) override;

 private:
  RemoteEngine(std::shared_ptr<Client> client, MapperFactory mapper_factory)
      : client_(std::move(client)), mapper_factory_(std::move(mapper_factory)) {}
  // An entry that does not go with one message.
  Result<Seq> AppendLarge(const ValueView& key, const ValueView& value, SyncMode sync,
                          const WaitOptions& wait);
  std::string CompareHosts(int64_t holder_pid) const;
  Result<std::shared_ptr<View>> ToView(const Answer& answer) EXCLUDES(mutex_);

  const std::shared_ptr<Client> client_;
  const MapperFactory mapper_factory_;
  Mutex mutex_;
  // Those that were asked for: whoever has a view need not keep it.
  std::map<std::string, std::shared_ptr<View>> views_ GUARDED_BY(mutex_);
};

}  // namespace streamview
