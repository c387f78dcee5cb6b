// DatabaseTest: a temporary directory and one connection to app.db in it.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/ext/testing/database.h"
#include "tests/ext/testing/temp_dir.h"

namespace streamview::testing {

// The map of the design's example: a row for each tag of a document.
inline const std::string kTagsMap =
    "SELECT tag.value AS key, events.value ->> '$.location' AS value "
    "FROM events, json_each(events.value, '$.tags') AS tag";

class DatabaseTest : public ::testing::Test {
 protected:
  // A further connection to the same database.
  std::unique_ptr<Database> Connect() { return std::make_unique<Database>(path_); }
  // Closes the connection, which must be the only one, and opens it again.
  void Reopen() {
    db_->Close();
    db_ = Connect();
  }
  // The log of the design's example.
  void CreateLog() { db_->Run("CREATE VIRTUAL TABLE events USING sv_log"); }
  // The view `name` on it.
  void CreateView(const std::string& name, const std::string& map = kTagsMap) {
    db_->Run("CREATE VIRTUAL TABLE " + name + " USING sv_view(log = events, map = (" + map + "))");
  }
  // The log and `view_tags`.
  void CreateLogAndView() {
    CreateLog();
    CreateView("view_tags");
  }
  int64_t Append(const SqlValue& key, const SqlValue& value) {
    return db_->Append("events", key, value);
  }

  TempDir dir_;
  const std::string path_ = dir_ / "app.db";
  const std::string log_dir_ = dir_ / "app.db-events";
  std::unique_ptr<Database> db_ = Connect();
};

}  // namespace streamview::testing
