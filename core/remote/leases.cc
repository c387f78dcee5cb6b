#include "core/remote/leases.h"

#include <algorithm>

namespace streamview {

Status TransactionLease::Add(bool anew, const std::vector<std::string_view>& more,
                             std::string_view tail, size_t most) {
  constexpr size_t kBesides = 100;  // what a record takes beside its bytes
  if (anew) {
    records.clear();
    unfinished.clear();
    bytes = 0;
  }
  bytes += tail.size();
  for (const std::string_view record : more) bytes += record.size() + kBesides;
  if (bytes > most) {
    records.clear();
    unfinished.clear();
    return Status::Constraint("a transaction of more than " + std::to_string(most) +
                              " bytes is too large for the process that holds the log");
  }
  for (const std::string_view record : more) {
    unfinished += record;
    records.push_back(std::make_shared<const std::string>(std::move(unfinished)));
    unfinished.clear();
  }
  unfinished += tail;
  return Status::Ok();
}

Result<uint64_t> Leases::Add(std::shared_ptr<Lease> lease) {
  MutexLock lock(mutex_);
  if (leases_.size() >= most_) {
    return Status::Busy("this process has " + std::to_string(most_) +
                        " snapshots, cursors and transactions of the log open: close some first");
  }
  if (all_ != nullptr && ++all_->present > all_->most) {
    NoteReleased(1);
    return Status::Busy("the processes that use the log have " + std::to_string(all_->most) +
                        " snapshots, cursors and transactions of it open");
  }
  leases_.emplace(++last_, std::move(lease));
  return last_;
}

std::shared_ptr<Lease> Leases::Get(uint64_t number) {
  MutexLock lock(mutex_);
  const auto found = leases_.find(number);
  return found == leases_.end() ? nullptr : found->second;
}

Status Leases::NoSuchLease(uint64_t number) {
  return Status::NotFound("the process that holds the log keeps nothing under number " +
                          std::to_string(number));
}

void Leases::Release(uint64_t number) {
  // What they are is given up after the lock is: that can take long.
  std::vector<std::shared_ptr<Lease>> released;
  MutexLock lock(mutex_);
  const auto found = leases_.find(number);
  if (found == leases_.end()) return;
  const Lease* const source = found->second.get();
  released.push_back(std::move(found->second));
  leases_.erase(found);
  for (auto it = leases_.begin(); it != leases_.end();) {
    if (it->second->source() == source) {
      released.push_back(std::move(it->second));
      it = leases_.erase(it);
    } else {
      ++it;
    }
  }
  NoteReleased(released.size());
}

bool Leases::HasReads() {
  MutexLock lock(mutex_);
  return std::any_of(leases_.begin(), leases_.end(),
                     [](const auto& entry) { return entry.second->is_read(); });
}

std::vector<std::shared_ptr<TransactionLease>> Leases::Clear() {
  std::map<uint64_t, std::shared_ptr<Lease>> leases;
  {
    MutexLock lock(mutex_);
    leases.swap(leases_);
    NoteReleased(leases.size());
  }
  std::vector<std::shared_ptr<TransactionLease>> transactions;
  for (const auto& [number, lease] : leases) {
    if (auto transaction = std::dynamic_pointer_cast<TransactionLease>(lease)) {
      transactions.push_back(std::move(transaction));
    }
  }
  return transactions;
}

}  // namespace streamview
