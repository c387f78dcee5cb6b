// Reading documents: all of them in key order at one sequence number, or all entries of one.

#pragma once

#include <memory>

#include "core/docs/doc_index.h"
#include "core/engine.h"

namespace streamview {

// See Engine::ReadDocs, ReadDocsAsOf and ScanHistory. `docs` must outlive what they return.
Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(DocIndex* docs, Seq at_least,
                                                     const WaitOptions& wait);
Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(DocIndex* docs, Seq as_of,
                                                         const WaitOptions& wait);
Result<std::unique_ptr<LogCursor>> ScanHistory(DocIndex* docs, const ValueView& key,
                                               const WaitOptions& wait);

}  // namespace streamview
