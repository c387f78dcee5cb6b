// SchemaChanges: what CREATE, DROP and RENAME of the open transaction mean for engines and
// directories, carried out when SQLite's transaction ends.
//
// What is created exists at once, and goes if its CREATE is rolled back. What is dropped goes after
// the commit. Should the process die in between, the shadow table (ext/log_config.h) tells the
// next one which views are left over.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/engine.h"
#include "ext/log_config.h"

namespace streamview {

class SchemaChanges {
 public:
  // Finds the engine of a log that the connection has open; null where it has not.
  using EngineFinder = std::function<std::shared_ptr<Engine>(const LogIdentity&)>;
  // Lets go of a log that is gone, and deletes its directory as soon as nobody has it open.
  using LogRemover = std::function<void(const LogIdentity&)>;

  SchemaChanges(EngineFinder find_engine, LogRemover remove_log);

  void LogCreated(const LogIdentity& log);
  void LogDropped(const LogIdentity& log);
  void ViewCreated(const LogIdentity& log, const std::string& view_id);
  void ViewRenamed(const LogIdentity& log, const std::string& view_id, const std::string& name);
  // `fingerprint`: that of its definition; empty where that is not known.
  void ViewDropped(const LogIdentity& log, const std::string& view_id,
                   const std::string& fingerprint);
  // Takes back the drop of a view of this fingerprint, where the transaction has one: the new
  // table is the old index. Returns its id.
  std::optional<std::string> AdoptView(const LogIdentity& log, const std::string& fingerprint,
                                       const std::string& name);
  // The views that the transaction has dropped, and that a rollback would bring back.
  std::vector<std::string> DroppedViews(const LogIdentity& log) const;

  bool empty() const { return changes_.empty(); }
  size_t size() const { return changes_.size(); }

  // True where the commit will delete this directory.
  bool DropsDirectory(const std::string& directory) const;

  void Commit();
  // Takes back all changes after the first `size` ones.
  void RollbackTo(size_t size);

 private:
  enum class Kind {
    kLogCreated,
    kLogDropped,
    kViewCreated,
    kViewDropped,
    kViewAdopted,
    kViewRenamed,
  };
  struct Change {
    Kind kind;
    LogIdentity log;
    std::string view_id;
    std::string text;  // kViewDropped: the fingerprint; kViewRenamed: the new name
  };

  void CarryOut(const Change& change);
  void Undo(const Change& change);
  void DropView(const Change& change);
  // True where a later one of the changes takes the drop at `index` back.
  static bool IsAdoptedAfter(const std::vector<Change>& changes, size_t index);

  const EngineFinder find_engine_;
  const LogRemover remove_log_;
  std::vector<Change> changes_;  // in order
};

}  // namespace streamview
