// ViewOverlay: what the uncommitted entries of a session do to a view. The session keeps it, so
// that each entry is mapped once. Kinds: row_overlay.h, reduce_overlay.h.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/engine.h"
#include "core/session/own_documents.h"

namespace streamview {

class ViewOverlay : public std::enable_shared_from_this<ViewOverlay> {
 public:
  virtual ~ViewOverlay() = default;

  // The entries that it covers.
  const OwnRun& run() const { return run_; }
  // The state of the view that they are laid over.
  Seq base() const { return base_; }

  // A copy, to be extended where a reader holds this one.
  virtual std::shared_ptr<ViewOverlay> Clone() const = 0;
  // Maps the entries that `documents` covers and this does not yet. `committed` is at base(). After
  // an error it is of no use any more. REQUIRES: run().IsBeginningOf(documents.run()). Errors:
  // kFailed where the map fails on an entry, and may not skip it; those of the map that say nothing
  // about an entry; kInterrupted; those of reading.
  Status Extend(const OwnDocuments& documents, const CommittedView& committed, Mapper* mapper,
                const WaitOptions& wait);
  // `committed`, which is at base(), with the entries. It holds this overlay, which must not be
  // extended any more meanwhile.
  virtual std::shared_ptr<const ViewSnapshot> Over(
      std::shared_ptr<const CommittedView> committed) const = 0;

  const ViewDefinition& definition() const { return definition_; }
  Engine& engine() const { return *engine_; }

 protected:
  // `engine` must outlive it, and what it is laid over.
  ViewOverlay(Engine* engine, ViewDefinition definition, Seq base)
      : engine_(engine), definition_(std::move(definition)), base_(base) {}
  ViewOverlay(const ViewOverlay&) = default;

 private:
  // Takes in an entry, which supersedes `superseded` (0: none), a committed entry or one of run().
  // Errors: kFailed where the map fails on the entry; those that say nothing about it.
  virtual Status TakeIn(const Entry& entry, Seq superseded, const CommittedView& committed,
                        Mapper* mapper) = 0;

  Engine* engine_;
  ViewDefinition definition_;
  Seq base_;
  OwnRun run_;
};

// A state of a view with an overlay of some kind. Each kind has a NewCursor of its own.
template <typename Overlay>
class OverlaidView final : public ViewSnapshot,
                           public std::enable_shared_from_this<OverlaidView<Overlay>> {
 public:
  OverlaidView(std::shared_ptr<const CommittedView> committed,
               std::shared_ptr<const Overlay> overlay)
      : committed_(std::move(committed)), overlay_(std::move(overlay)) {}

  Seq seq() const override { return committed_->seq(); }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;

  Status NoteDamage(const std::string& what) const { return committed_->NoteDamage(what); }
  const CommittedView& committed() const { return *committed_; }
  const Overlay& overlay() const { return *overlay_; }

 private:
  const std::shared_ptr<const CommittedView> committed_;
  const std::shared_ptr<const Overlay> overlay_;
};

}  // namespace streamview
