// What log entries change in a view.
//
// Nothing of it is stored. A map is a pure function, so what an entry adds is what the map makes of
// it, and what it takes away is what the map made of the entry that it supersedes.

#pragma once

#include <memory>

#include "core/docs/doc_index.h"
#include "core/engine.h"
#include "core/log/log.h"

namespace streamview {

// See ViewChanges. `log` and `docs` must outlive it.
std::unique_ptr<ViewChanges> NewViewChanges(const Log* log, const DocIndex* docs,
                                            const ViewDefinition& definition,
                                            std::unique_ptr<Mapper> mapper);

}  // namespace streamview
