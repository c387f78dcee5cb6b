#include "core/index/open_index.h"

#include <utility>

#include "core/index/reduce_kind.h"
#include "core/index/row_kind.h"

namespace streamview {

Result<std::shared_ptr<ViewIndex>> OpenIndex(Log* log, DocIndex* docs,
                                             std::shared_ptr<ColumnFamily> family,
                                             const ViewDefinition& definition,
                                             Result<std::unique_ptr<Mapper>> mapper) {
  std::unique_ptr<IndexKind> kind =
      definition.reduce == Reduce::kNone ? NewRowKind() : NewReduceKind();
  return ViewIndex::Open(log, docs, std::move(family), definition, std::move(mapper),
                         std::move(kind));
}

}  // namespace streamview
