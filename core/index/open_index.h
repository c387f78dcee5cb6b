// Opens the index of a view, of the kind that its definition asks for.

#pragma once

#include <memory>

#include "core/index/view_index.h"

namespace streamview {

// See ViewIndex::Open.
Result<std::shared_ptr<ViewIndex>> OpenIndex(Log* log, DocIndex* docs,
                                             std::shared_ptr<ColumnFamily> family,
                                             const ViewDefinition& definition,
                                             Result<std::unique_ptr<Mapper>> mapper);

}  // namespace streamview
