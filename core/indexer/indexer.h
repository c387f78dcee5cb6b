// Indexer: the background thread of an engine. It follows the log for the document index and for
// all indexes of all views, and lets rebuilds take over.
//
// Views that are at about the same place share one pass over the log. No view waits for another
// that is behind: each group of neighbours gets its batches in turn.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/docs/doc_index.h"
#include "core/log/batch_reader.h"
#include "core/log/log.h"
#include "core/view/local_view.h"

namespace streamview {

class Indexer {
 public:
  // Gives the views as they are at the moment; called from the thread.
  using ViewSource = std::function<std::vector<std::shared_ptr<LocalView>>()>;

  // `log` and `docs` must outlive the indexer.
  Indexer(Log* log, DocIndex* docs, ViewSource views);
  // Stops the thread, after the batch that it is at.
  ~Indexer();

  // Errors: kCannotOpen (there is no thread for it).
  Status Start();
  // Says that there may be work. Cheap, from any thread.
  void Wake() EXCLUDES(mutex_);

 private:
  struct Follower {
    std::shared_ptr<ViewIndex> index;
    Seq seq;
  };

  void Run();
  // One batch for everybody who is behind. Returns whether there was work; *ok is false where some
  // of it failed.
  bool RunRound(bool* ok);
  bool FollowDocuments(Seq head, bool* ok);
  static void Note(ViewIndex* index, const Status& status, bool* ok);
  void RepairIndex(ViewIndex* index, bool* ok);
  std::vector<Follower> Behind(const std::vector<std::shared_ptr<LocalView>>& views,
                               Seq head) const;
  bool AllNear(const std::vector<Follower>& followers, Seq head) const;
  // Serves the group that begins with `first`; returns the number of followers in it.
  size_t ServeGroup(const std::vector<Follower>& followers, size_t first, Seq head, bool* ok);
  void Serve(ViewIndex* index, const Result<SharedBatch>& batch, bool* ok);
  void Sleep(bool failed) EXCLUDES(mutex_);
  bool stopping() EXCLUDES(mutex_);

  Log* const log_;
  DocIndex* const docs_;
  const ViewSource views_;
  uint64_t round_ = 0;  // of the thread

  Mutex mutex_;
  CondVar woken_;
  std::atomic<bool> awake_{true};  // changed with mutex_
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace streamview
