// A catalogue of assets, kept by streamview's engine without SQLite: documents that are no JSON
// (examples/asset.h), and an index of their tags that is made by a Mapper in C++.
//
//   assets <directory>
//
// The directory is made where it is missing; run it twice, and it finds what it left.

#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "asset.h"
#include "core/standalone.h"

using namespace streamview;

namespace {

// The example gives up at the first error; a program looks at status().code().
void Check(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

template <typename T>
T Check(Result<T> result) {
  Check(result.status());
  return *std::move(result);
}

// One row for each tag of an asset: tag, file name, size.
class TagsMapper final : public Mapper {
 public:
  Status Map(const Entry& entry, Emitter& emitter) override {
    const std::optional<Asset> asset = DecodeAsset(entry.value.bytes());
    // The asset is listed among the view's errors; the view goes on.
    if (!asset) return Status::InvalidArgument("not an asset");
    for (const std::string& tag : asset->tags) {
      const ValueView row[] = {ValueView::Text(tag), ValueView::Text(asset->filename),
                               ValueView::Integer(static_cast<int64_t>(asset->size))};
      SV_RETURN_IF_ERROR(emitter.Emit(row));
    }
    return Status::Ok();
  }
};

// The engine asks for a mapper by name whenever it opens a view.
Result<std::unique_ptr<Mapper>> NewMapper(const ViewDefinition& definition) {
  if (definition.map == "tags") return std::unique_ptr<Mapper>(new TagsMapper);
  return Status::InvalidArgument("no mapper is called " + definition.map);
}

ViewDefinition TagsView() {
  ViewDefinition definition;
  definition.name = "by_tag";
  definition.kind = MapKind::kCustom;
  definition.map = "tags";
  definition.columns = {"tag", "filename", "size"};
  definition.key_columns = 1;
  definition.version = 1;  // another number where TagsMapper changes: the view is built anew
  return definition;
}

std::shared_ptr<Engine> OpenAssets(const std::string& directory) {
  StandaloneOptions options;
  options.directory = directory;
  options.mapper_factory = NewMapper;
  return Check(OpenStandalone(options));
}

void Put(Session* session, const std::string& key, const Asset& asset) {
  Check(session->Append(ValueView::Text(key), ValueView::Blob(EncodeAsset(asset)), WaitOptions())
            .status());
}

// All appends of one transaction, durable and visible at once.
void Commit(Session* session) {
  Check(session->Prepare(SyncMode::kFull));
  session->Commit();
}

void AddAssets(Session* session) {
  Put(session, "asset/1", {"cat.jpg", 52'013, "hawaii", {"cat", "black"}});
  Put(session, "asset/2", {"dog.jpg", 70'144, "maui", {"dog", "black"}});
  Put(session, "asset/3", {"sea.mov", 9'812'004, "maui", {"sea"}});
  Commit(session);
}

// A new version of one, and the end of another.
void ChangeAssets(Session* session) {
  Put(session, "asset/1", {"cat.jpg", 52'013, "oahu", {"cat", "asleep"}});
  Check(session->Append(ValueView::Text("asset/3"), ValueView::Null(), WaitOptions()).status());
  Commit(session);
}

// Prints the assets with a tag, or all. The view need not have seen the last append yet: reading
// as of the head brings it there.
void Print(Engine* engine, View* view, const std::string& tag = "") {
  ViewRange range;
  if (!tag.empty()) range.equal.push_back(Value::Text(tag));
  const auto snapshot = Check(view->Read(engine->Head(), WaitOptions()));
  const std::unique_ptr<ViewCursor> row = snapshot->NewCursor(range);
  for (; row->Valid(); row->Next()) {
    std::printf(
        "  %s: %s, %lld bytes (%s, entry %llu)\n", std::string(row->column(0).bytes()).c_str(),
        std::string(row->column(1).bytes()).c_str(),
        static_cast<long long>(row->column(2).integer()),
        std::string(row->doc_id().bytes()).c_str(), static_cast<unsigned long long>(row->seq()));
  }
  Check(row->status());
}

void Run(const std::string& directory) {
  {
    const std::shared_ptr<Engine> engine = OpenAssets(directory);
    const std::shared_ptr<View> by_tag = Check(DefineView(engine.get(), TagsView()));
    if (engine->Head() == 0) {
      Session session(engine);
      AddAssets(&session);
      std::printf("What is black:\n");
      Print(engine.get(), by_tag.get(), "black");
      ChangeAssets(&session);
    }
    std::printf("All tags, after %llu entries:\n", static_cast<unsigned long long>(engine->Head()));
    Print(engine.get(), by_tag.get());
  }
  // The views are gone before the engine is; with its last reference the engine closes.

  const std::shared_ptr<Engine> engine = OpenAssets(directory);
  const std::shared_ptr<View> by_tag = Check(DefineView(engine.get(), TagsView()));
  std::printf("Opened again, after %llu entries: what is black:\n",
              static_cast<unsigned long long>(engine->Head()));
  Print(engine.get(), by_tag.get(), "black");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: assets <directory>\n");
    return 2;
  }
  try {
    Run(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "assets: %s\n", error.what());
    return 1;
  }
  return 0;
}
