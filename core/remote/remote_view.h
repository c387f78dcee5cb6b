// RemoteView: a view of a log that another process holds.

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/remote/client.h"

namespace streamview {

class RemoteView final : public View {
 public:
  RemoteView(std::shared_ptr<Client> client, std::string id, ViewDefinition definition,
             MapperFactory mapper_factory)
      : client_(std::move(client)),
        id_(std::move(id)),
        definition_(std::move(definition)),
        columns_(definition_.RowColumns().size()),
        mapper_factory_(std::move(mapper_factory)) {}

  const std::string& id() const override { return id_; }
  // With the name that it has now, where the holder answers.
  ViewDefinition definition() const override;
  Result<std::shared_ptr<const CommittedView>> Read(Seq at_least, const WaitOptions& wait,
                                                    const ViewRange* first) override;
  Result<Seq> AdvanceTo(Seq seq, const WaitOptions& wait) override;
  Seq checkpoint() const override;
  Status Rebuild(const WaitOptions& wait) override;
  Status Flush() override;
  Status Optimize(const WaitOptions& wait) override;
  Status CheckIntegrity(const WaitOptions& wait) override;
  Result<std::unique_ptr<Mapper>> NewMapper() override;
  Result<std::unique_ptr<ViewChanges>> NewChanges() override;
  ViewStatus GetStatus() const override;
  Result<std::vector<MapError>> ListErrors(Seq after, size_t limit) const override;

 private:
  const std::shared_ptr<Client> client_;
  const std::string id_;
  const ViewDefinition definition_;  // the name may have changed
  const size_t columns_;             // of its rows
  const MapperFactory mapper_factory_;
  mutable std::atomic<Seq> checkpoint_{0};  // the last that is known of
};

}  // namespace streamview
