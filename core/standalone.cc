#include "core/standalone.h"

#include <filesystem>
#include <map>
#include <vector>

#include "core/engine_registry.h"
#include "core/storage/log_directory.h"

namespace streamview {

namespace {

// A copy of a database's log may have views by SQL maps, which nobody here can evaluate.
MapperFactory CustomOnly(MapperFactory factory) {
  return [factory = std::move(factory)](
             const ViewDefinition& definition) -> Result<std::unique_ptr<Mapper>> {
    if (definition.kind == MapKind::kCustom && factory) return factory(definition);
    return Status::InvalidArgument("this program has no mapper for view " + definition.name);
  };
}

Result<std::shared_ptr<Engine>> MakeLog(EngineOptions options) {
  options.log_id = NewLogId();
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, CreateEngine(options));
  SV_RETURN_IF_ERROR(ClaimLog(options.directory, options.log_id, true));
  return engine;
}

}  // namespace

Result<std::shared_ptr<Engine>> OpenStandalone(const StandaloneOptions& standalone) {
  EngineOptions options;
  options.mapper_factory = CustomOnly(standalone.mapper_factory);
  options.background = standalone.background;
  if (standalone.directory.empty()) return MakeLog(std::move(options));

  // The working directory may change while the log is open.
  std::error_code error;
  options.directory = std::filesystem::absolute(standalone.directory, error).string();
  if (error) return Status::CannotOpen(standalone.directory + ": " + error.message());
  SV_ASSIGN_OR_RETURN(const DirectoryInfo info, InspectDirectory(options.directory));
  if (info.kind == DirectoryKind::kMissing || info.kind == DirectoryKind::kEmpty) {
    return MakeLog(std::move(options));
  }
  SV_ASSIGN_OR_RETURN(options.log_id, ReadLogId(options.directory));
  return OpenEngine(options);
}

Result<std::shared_ptr<View>> DefineView(Engine* engine, const ViewDefinition& definition) {
  using Definitions = std::map<std::string, ViewDefinition>;
  SV_ASSIGN_OR_RETURN(const Definitions definitions, engine->ListViews());
  std::shared_ptr<View> view;
  std::vector<std::string> others;
  for (const auto& [id, existing] : definitions) {
    if (existing.name != definition.name) continue;
    if (view == nullptr && existing.Fingerprint() == definition.Fingerprint()) {
      Result<std::shared_ptr<View>> found = engine->FindView(id);
      if (found.status().IsCutShort()) return found;
      if (found.ok()) {
        view = *std::move(found);
        continue;
      }
    }
    others.push_back(id);
  }
  if (view == nullptr) {
    SV_ASSIGN_OR_RETURN(view, engine->CreateView(definition));
  }
  for (const std::string& id : others) SV_RETURN_IF_ERROR(engine->DropView(id));
  return view;
}

}  // namespace streamview
