#include "ext/view_table.h"

#include <utility>

#include "ext/options.h"
#include "ext/sql_mapper.h"
#include "ext/values.h"

namespace streamview {

namespace {

using VtabStatus = sqlite_vtab::Status;

// The columns after those of the rows, where these are not reduced.
enum ExtraColumn { kDocId, kSeq, kDoc };
constexpr const char* kExtraColumns[] = {"doc_id", "seq", "doc"};

size_t CountExtraColumns(const ViewDefinition& definition) {
  return definition.reduce == Reduce::kNone ? std::size(kExtraColumns) : 0;
}

IndexColumns MakeIndexColumns(const ViewDefinition& definition) {
  IndexColumns index;
  for (uint32_t i = 0; i < definition.key_columns; i++) {
    index.push_back({static_cast<int>(i), definition.columns[i]});
  }
  if (definition.reduce == Reduce::kNone) {
    const int doc_id = static_cast<int>(definition.columns.size()) + kDocId;
    index.push_back({doc_id, kExtraColumns[kDocId]});
  }
  return index;
}

// What the map gives must not be called as the columns that each such view has. `table` becomes the
// name of the command column.
Status CheckColumnNames(const ViewDefinition& definition, const std::string& table) {
  const bool reduces = definition.reduce != Reduce::kNone;
  std::vector<std::string> named = definition.RowColumns();
  std::vector<std::string> own(std::begin(kExtraColumns), std::end(kExtraColumns));
  if (reduces) {
    own.assign(named.begin() + definition.key_columns, named.end());
    named.resize(definition.key_columns);
  }
  std::string each = "each view";
  if (reduces) each.append(" with reduce = '").append(ReduceName(definition.reduce)).append("'");
  each += " has ";
  for (const std::string& column : own) each.append(column).append(", ");
  each.resize(each.size() - 2);
  const auto name_taken = [&each](const std::string& name) {
    return Status::InvalidArgument("the column name \"" + name + "\" is taken (" + each +
                                   " and a column called as itself): rename it with AS");
  };
  std::vector<std::string> taken = own;
  taken.push_back(table);
  for (const std::string& column : named) {
    for (const std::string& other : taken) {
      if (SameName(column, other)) return name_taken(column);
    }
    taken.push_back(column);
  }
  for (const std::string& column : own) {
    if (!SameName(table, column)) continue;
    return Status::InvalidArgument("a view cannot be called \"" + table +
                                   "\": that is the name of one of its columns");
  }
  return Status::Ok();
}

Result<ViewDefinition> MakeDefinition(const sqlite_vtab::ConnectArgs<Connection>& args,
                                      ViewOptions options, const TableName& log) {
  ViewDefinition definition = std::move(options.definition);
  definition.name = args.table;
  definition.log_name = log.table;
  std::vector<std::string> columns = {"key", "value"};
  if (definition.kind == MapKind::kSql) {
    SV_ASSIGN_OR_RETURN(columns, SqlMapColumns(definition.log_name, definition.map));
  }
  SV_RETURN_IF_ERROR(SetViewColumns(std::move(columns), definition));
  SV_RETURN_IF_ERROR(CheckColumnNames(definition, definition.name));
  return definition;
}

VtabStatus Declare(const sqlite_vtab::ConnectArgs<Connection>& args,
                   const ViewDefinition& definition) {
  sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
  std::string sql = "CREATE TABLE x(";
  for (const std::string& column : definition.RowColumns()) sql += QuoteIdentifier(column) + ", ";
  if (definition.reduce == Reduce::kNone) sql += "doc_id, seq INTEGER, doc HIDDEN, ";
  sql += QuoteIdentifier(args.table) + " HIDDEN)";
  return VtabError(args.db, sqlite3_declare_vtab(args.db, sql.c_str()));
}

}  // namespace

Result<ViewDefinition> ViewTable::Define(const sqlite_vtab::ConnectArgs<Connection>& args,
                                         bool creating) {
  SV_ASSIGN_OR_RETURN(ViewOptions options, ParseViewOptions(args.options));
  SV_ASSIGN_OR_RETURN(const TableName log,
                      LogNamed(args.db, options.log, std::string(args.schema), creating));
  return MakeDefinition(args, std::move(options), log);
}

ViewTable::ViewTable(Connection& connection, const TableName& name, ViewDefinition definition,
                     Status broken, bool utf8)
    : SessionTable(connection, name, {name.schema, definition.log_name}),
      definition_(std::move(definition)),
      row_columns_(definition_.RowColumns().size()),
      command_column_(row_columns_ + CountExtraColumns(definition_)),
      broken_(std::move(broken)),
      index_(MakeIndexColumns(definition_)),
      utf8_(utf8) {}

// --- CREATE, DROP, RENAME

VtabStatus ViewTable::Create(const sqlite_vtab::ConnectArgs<Connection>& args,
                             std::unique_ptr<ViewTable>& table) {
  Result<ViewDefinition> definition = Define(args, /*creating=*/true);
  if (!definition.ok()) return definition.status();
  if (VtabStatus status = Declare(args, *definition); !status.ok()) return status;
  const Result<bool> utf8 = StoresUtf8(args.db);
  if (!utf8.ok()) return utf8.status();
  const TableName name{std::string(args.schema), std::string(args.table)};
  auto view =
      std::make_unique<ViewTable>(*args.aux, name, *std::move(definition), Status::Ok(), *utf8);
  SV_RETURN_IF_ERROR(view->CreateView());
  table = std::move(view);
  return {};
}

VtabStatus ViewTable::Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                              std::unique_ptr<ViewTable>& table) {
  const TableName name{std::string(args.schema), std::string(args.table)};
  if (const Status refused = args.aux->transaction().TakeRefusal(name); !refused.ok())
    return refused;
  // A definition that has become invalid (another version of SQLite lacks a function, say) must not
  // keep the table from being dropped.
  Result<ViewDefinition> definition = Define(args, /*creating=*/false);
  Status broken = definition.status();
  if (broken.IsCutShort()) return broken;
  if (!definition.ok()) {
    definition = ViewDefinition();
    // Nothing where the options cannot be read either.
    if (const std::optional<WrittenName> log = ParseLogName(args.options)) {
      const Result<TableName> named = LogNamed(args.db, *log, name.schema, /*creating=*/false);
      if (!named.ok()) return named.status();
      definition->log_name = named->table;
    }
    definition->columns = {"key", "value"};
  }
  if (VtabStatus status = Declare(args, *definition); !status.ok()) return status;
  const Result<bool> utf8 = StoresUtf8(args.db);
  if (!utf8.ok()) return utf8.status();
  table = std::make_unique<ViewTable>(*args.aux, name, *std::move(definition), std::move(broken),
                                      *utf8);
  return {};
}

Result<std::shared_ptr<View>> ViewTable::MakeView() {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  return session->engine()->CreateView(definition_);
}

Status ViewTable::CreateView() {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  SV_RETURN_IF_ERROR(transaction().Join());
  SchemaChanges& changes = transaction().schema_changes();
  // DROP and CREATE in one transaction, of what is the same index: it is kept.
  std::optional<std::string> id =
      changes.AdoptView(session->identity(), definition_.Fingerprint(), name().table);
  if (!id) {
    SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view,
                        connection().AgainIfLost([this] { return MakeView(); }));
    id = view->id();
    changes.ViewCreated(session->identity(), *id);
  }
  return LogConfig(connection().db(), log()).PutView(name().table, *id);
}

VtabStatus ViewTable::Destroy() {
  const Status refused = CheckMayDrop();
  if (!refused.ok()) return RefuseDrop(refused);
  return DropView();
}

// The index goes at the commit where the log can be opened; but not under the feet of another
// process.
Status ViewTable::CheckMayDrop() {
  const Status hidden = LogConfig(connection().db(), log()).CheckNotHidden();
  if (!hidden.ok()) return hidden;
  const Status open = Session().status();
  return open.code() == StatusCode::kBusy || open.IsCutShort() ? open : Status::Ok();
}

Status ViewTable::DropView() {
  LogConfig config(connection().db(), log());
  // The log may be gone, or have never known the view: then there is nothing to forget. Of one that
  // cannot be here (a copy of the database, say), the database alone is to forget it.
  const Result<LogSettings> settings = config.Load();
  if (settings.status().code() == StatusCode::kNotFound) return Status::Ok();
  if (settings.status().code() != StatusCode::kCannotOpen) SV_RETURN_IF_ERROR(settings.status());
  const Result<std::string> id = config.FindView(name().table);
  if (id.status().code() == StatusCode::kNotFound) return Status::Ok();
  SV_RETURN_IF_ERROR(id.status());
  SV_RETURN_IF_ERROR(transaction().Join());
  SV_RETURN_IF_ERROR(config.RemoveView(name().table));
  if (settings.ok()) {
    transaction().schema_changes().ViewDropped(settings->identity, *id,
                                               broken_.ok() ? definition_.Fingerprint() : "");
  }
  return Status::Ok();
}

VtabStatus ViewTable::Rename(const char* new_name) { return RenameView(new_name); }

Status ViewTable::RenameView(const std::string& new_name) {
  SV_RETURN_IF_ERROR(CheckColumnNames(definition_, new_name));
  LogConfig config(connection().db(), log());
  SV_ASSIGN_OR_RETURN(const LogSettings settings, config.Load());
  SV_ASSIGN_OR_RETURN(const std::string id, config.FindView(name().table));
  // Where the log can be opened, so that the commit renames the view there.
  if (const Status open = Session().status(); open.IsCutShort()) return open;
  SV_RETURN_IF_ERROR(transaction().Join());
  SV_RETURN_IF_ERROR(config.RenameView(name().table, new_name));
  transaction().schema_changes().ViewRenamed(settings.identity, id, new_name);
  return Status::Ok();
}

// --- reading

VtabStatus ViewTable::BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan) {
  const bool has_documents = definition_.reduce == Reduce::kNone;
  plan.with_documents = has_documents && info.MayRead(static_cast<int>(row_columns_) + kDoc);
  return PlanView(index_, connection().db(), utf8_, info, plan);
}

VtabStatus ViewTable::Open(std::unique_ptr<Cursor>& cursor) {
  cursor = std::make_unique<Cursor>(*this);
  return {};
}

Result<std::shared_ptr<View>> ViewTable::FindView() {
  SV_RETURN_IF_ERROR(broken_);
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  if (view_engine_ == session->engine().get()) {
    if (std::shared_ptr<View> view = view_.lock()) return view;
  }
  SV_ASSIGN_OR_RETURN(const std::string id,
                      LogConfig(connection().db(), log()).FindView(name().table));
  Result<std::shared_ptr<View>> found = session->engine()->FindView(id);
  // The engine was opened by a connection that did not know of the view (one in an old read
  // transaction) or from an older directory: what the database says counts, and the index can be
  // made again.
  if (found.status().code() == StatusCode::kNotFound) {
    found = session->engine()->CreateView(definition_, id);
  }
  SV_RETURN_IF_ERROR(found.status());
  const std::shared_ptr<View> view = *std::move(found);
  // A fingerprint is no proof; the cursor relies on the columns.
  const ViewDefinition known = view->definition();
  if (known.Fingerprint() != definition_.Fingerprint() || known.columns != definition_.columns ||
      known.key_columns != definition_.key_columns || known.reduce != definition_.reduce) {
    return Status::Corruption("the log " + log().table + " has another definition of the view " +
                              name().table + ": drop and create it");
  }
  view_ = view;
  view_engine_ = session->engine().get();
  return view;
}

Status ViewTable::Read(const ViewRange* first, std::shared_ptr<Readings::Group>* group) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  const Seq at_least = session->RequiredSeq();
  if (Readings::FindReading(*session, at_least, group)) return Status::Ok();
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, FindView());
  const uint64_t own_version = session->own_version();
  SV_ASSIGN_OR_RETURN(std::shared_ptr<const ViewSnapshot> snapshot,
                      session->ReadView(view, at_least, connection().InterruptibleWait(), first));
  const Seq seq = snapshot->seq();
  session->NoteSeen(seq);
  (*group)->reading = {session->engine(), std::move(snapshot), seq, own_version};
  return Status::Ok();
}

VtabStatus ViewTable::Cursor::Filter(const Plan& plan, sqlite_vtab::Values arguments) {
  const Status read = Read(plan, arguments);
  // Dropped by another connection between SQLite's look at the schema and here: SQLite prepares the
  // statement again, with the schema as it is now.
  if (read.code() == StatusCode::kNotFound) return {SQLITE_SCHEMA, read.message()};
  return read;
}

Status ViewTable::Cursor::Read(const Plan& plan, sqlite_vtab::Values arguments) {
  for (int reading = 1;; reading++) {
    const bool is_first = snapshot_ == nullptr;
    const Status read = Begin(plan, arguments);
    if (!is_first || !IsWorthReadingAnew(read, reading)) return read;
    scan_ = {};  // before what it reads
    if (!Readings::Leave(&group_)) return read;
    snapshot_ = nullptr;
  }
}

Status ViewTable::Cursor::Begin(const Plan& plan, sqlite_vtab::Values arguments) {
  SV_ASSIGN_OR_RETURN(std::vector<ViewRange> ranges, plan.MakeRanges(arguments, outer_join_));
  if (snapshot_ == nullptr) {
    SV_RETURN_IF_ERROR(table_.Read(ranges.empty() ? nullptr : &ranges.front(), &group_));
    snapshot_ = group_->reading->snapshot.get();
  }
  return scan_.Begin(snapshot_, std::move(ranges));
}

VtabStatus ViewTable::Cursor::Next() { return scan_.Next(); }

VtabStatus ViewTable::Cursor::Column(sqlite3_context* context, int column) {
  const auto index = static_cast<size_t>(column);
  if (index < table_.row_columns_) {
    return Show(context, scan_->column(index));
  }
  if (index == table_.command_column_) return {};  // NULL
  switch (index - table_.row_columns_) {
    case kDocId:
      return Show(context, scan_->doc_id());
    case kSeq: {
      const Seq seq = scan_->seq();
      if (seq == 0) SV_RETURN_IF_ERROR(scan_.status());
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(seq));
      break;
    }
    case kDoc:
      return ReadDocument(context);
    default:
      break;
  }
  return {};
}

// A value of the present row.
Status ViewTable::Cursor::Show(sqlite3_context* context, const ValueView& value) const {
  if (value.is_null()) SV_RETURN_IF_ERROR(scan_.status());
  SetResult(context, value, SQLITE_TRANSIENT);
  return Status::Ok();
}

Status ViewTable::Cursor::ReadDocument(sqlite3_context* context) {
  SV_ASSIGN_OR_RETURN(const Value document, scan_->ReadDocument());
  SetResult(context, document, SQLITE_TRANSIENT);
  return Status::Ok();
}

// --- commands

VtabStatus ViewTable::Insert(sqlite3_value*, sqlite_vtab::Values columns,
                             sqlite3_int64* new_rowid) {
  // What is reported as the new row's number would become last_insert_rowid().
  *new_rowid = sqlite3_last_insert_rowid(connection().db());
  sqlite3_value* const command = columns[command_column_];
  if (sqlite3_value_type(command) == SQLITE_NULL) return RefuseWrite("insert into");
  for (size_t i = 0; i < columns.size(); i++) {
    const bool is_command = i == command_column_;
    if (!is_command && sqlite3_value_type(columns[i]) != SQLITE_NULL) {
      return {SQLITE_ERROR, "a command takes no other values"};
    }
  }
  const Result<ValueView> text = ViewOf(command);
  if (!text.ok()) return text.status();
  const std::string_view command_text = text->type() == ValueType::kText ? text->bytes() : "";
  return Counted(connection().AgainIfLost([&] { return RunCommand(command_text); }));
}

VtabStatus ViewTable::Update(sqlite3_value*, sqlite3_value*, sqlite_vtab::Values) {
  return RefuseWrite("update");
}

VtabStatus ViewTable::Delete(sqlite3_value*) { return RefuseWrite("delete from"); }

VtabStatus ViewTable::RefuseWrite(const std::string& what) const {
  return {SQLITE_READONLY, "cannot " + what + " " + name().table + ": a view follows its log; " +
                               "append to " + log().table + " instead"};
}

// --- checks, commands

Status ViewTable::Check(bool quick) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, FindView());
  const WaitOptions wait = connection().InterruptibleWait();
  return quick ? view->AdvanceTo(0, wait).status() : view->CheckIntegrity(wait);
}

Status ViewTable::RunCommand(std::string_view command) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, FindView());
  if (command == "rebuild") return view->Rebuild(connection().InterruptibleWait());
  if (command == "optimize") return view->Optimize(connection().InterruptibleWait());
  if (command == "integrity-check") return Check(/*quick=*/false);
  if (command == "flush") return view->Flush();
  return Status::InvalidArgument(
      "unknown command \"" + std::string(command) +
      "\" for a view; there are: rebuild, optimize, integrity-check, flush");
}

}  // namespace streamview
