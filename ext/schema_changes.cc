#include "ext/schema_changes.h"

#include <utility>

#include "core/base/without_failing.h"
#include "core/engine_registry.h"

namespace streamview {

SchemaChanges::SchemaChanges(EngineFinder find_engine, LogRemover remove_log)
    : find_engine_(std::move(find_engine)), remove_log_(std::move(remove_log)) {}

void SchemaChanges::LogCreated(const LogIdentity& log) {
  changes_.push_back({Kind::kLogCreated, log, "", ""});
}

void SchemaChanges::LogDropped(const LogIdentity& log) {
  // Should the process die between the commit and the removal, nobody needs the directory. Where
  // this fails it only stays in the way of another log.
  (void)ClaimLog(log.directory, log.log_id, false);
  changes_.push_back({Kind::kLogDropped, log, "", ""});
}

void SchemaChanges::ViewCreated(const LogIdentity& log, const std::string& view_id) {
  changes_.push_back({Kind::kViewCreated, log, view_id, ""});
}

void SchemaChanges::ViewRenamed(const LogIdentity& log, const std::string& view_id,
                                const std::string& name) {
  changes_.push_back({Kind::kViewRenamed, log, view_id, name});
}

void SchemaChanges::ViewDropped(const LogIdentity& log, const std::string& view_id,
                                const std::string& fingerprint) {
  changes_.push_back({Kind::kViewDropped, log, view_id, fingerprint});
}

std::optional<std::string> SchemaChanges::AdoptView(const LogIdentity& log,
                                                    const std::string& fingerprint,
                                                    const std::string& name) {
  for (size_t i = changes_.size(); i-- > 0;) {
    const Change change = changes_[i];
    if (change.kind != Kind::kViewDropped || change.log != log || change.text != fingerprint ||
        IsAdoptedAfter(changes_, i)) {
      continue;
    }
    changes_.push_back({Kind::kViewAdopted, log, change.view_id, ""});
    changes_.push_back({Kind::kViewRenamed, log, change.view_id, name});
    return change.view_id;
  }
  return std::nullopt;
}

std::vector<std::string> SchemaChanges::DroppedViews(const LogIdentity& log) const {
  std::vector<std::string> ids;
  for (const Change& change : changes_) {
    if (change.kind == Kind::kViewDropped && change.log == log) ids.push_back(change.view_id);
  }
  return ids;
}

bool SchemaChanges::DropsDirectory(const std::string& directory) const {
  for (const Change& change : changes_) {
    if (change.kind == Kind::kLogDropped && change.log.directory == directory) return true;
  }
  return false;
}

bool SchemaChanges::IsAdoptedAfter(const std::vector<Change>& changes, size_t index) {
  for (size_t i = index + 1; i < changes.size(); i++) {
    if (changes[i].kind == Kind::kViewAdopted && changes[i].log == changes[index].log &&
        changes[i].view_id == changes[index].view_id) {
      return true;
    }
  }
  return false;
}

// Whatever becomes of it, no later rollback may undo what is committed.
void SchemaChanges::Commit() {
  const std::vector<Change> committed = std::exchange(changes_, {});
  for (size_t i = 0; i < committed.size(); i++) {
    const Change& change = committed[i];
    const bool is_kept = change.kind == Kind::kViewDropped && IsAdoptedAfter(committed, i);
    if (!is_kept) WithoutFailing([&] { CarryOut(change); });
  }
}

// A failure leaves a log unclaimed, or a view or a name too many: the next opening of the log, or
// the next rename, puts that right.
void SchemaChanges::CarryOut(const Change& change) {
  if (change.kind == Kind::kLogCreated) {
    (void)ClaimLog(change.log.directory, change.log.log_id, true);
  } else if (change.kind == Kind::kViewRenamed) {
    if (auto engine = find_engine_(change.log)) {
      (void)engine->RenameView(change.view_id, change.text);
    }
  } else if (change.kind == Kind::kViewDropped) {
    DropView(change);
  } else if (change.kind == Kind::kLogDropped) {
    remove_log_(change.log);
  }
}

void SchemaChanges::RollbackTo(size_t size) {
  while (changes_.size() > size) {
    const Change change = std::move(changes_.back());
    changes_.pop_back();
    WithoutFailing([&] { Undo(change); });
  }
}

void SchemaChanges::Undo(const Change& change) {
  if (change.kind == Kind::kLogCreated) remove_log_(change.log);
  if (change.kind == Kind::kLogDropped) {
    (void)ClaimLog(change.log.directory, change.log.log_id, true);
  }
  if (change.kind == Kind::kViewCreated) DropView(change);
}

void SchemaChanges::DropView(const Change& change) {
  if (auto engine = find_engine_(change.log)) (void)engine->DropView(change.view_id);
}

}  // namespace streamview
