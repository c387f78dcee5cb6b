// What the engine's tests share: a fresh directory each, short ways to append and to read a view.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/engine_registry.h"
#include "core/log/log_transaction.h"
#include "core/remote/server.h"
#include "core/session/session.h"
#include "core/storage/derived_store.h"
#include "core/storage/log_store.h"
#include "tests/core/remote_test_util.h"

namespace streamview {

#define ASSERT_OK(expr)                                       \
  do {                                                        \
    const ::streamview::Status test_status_ = (expr);         \
    ASSERT_TRUE(test_status_.ok()) << test_status_.message(); \
  } while (0)
#define EXPECT_OK(expr)                                       \
  do {                                                        \
    const ::streamview::Status test_status_ = (expr);         \
    EXPECT_TRUE(test_status_.ok()) << test_status_.message(); \
  } while (0)

// Fails the test and throws, where a Result holds an error that the test does not expect.
template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return *std::move(result);
}

// The two databases of a log, without an engine: those in `directory`, or empty ones in memory.
struct Stores {
  explicit Stores(const std::string& directory = "", const std::string& log_id = "");
  const std::unique_ptr<LogStore> log;
  const std::unique_ptr<DerivedStore> derived;
};

// Appends to a log without an engine, in one transaction.
class LogWriter {
 public:
  explicit LogWriter(Log* log);
  Seq Append(const Value& key, const Value& value) { return Must(entries_.Append(key, value)); }
  void Commit();

 private:
  LogTransaction transaction_;
  OwnEntries entries_;
};

class EngineTest : public ::testing::Test {
 protected:
  EngineTest();
  ~EngineTest() override;

  // Opens the log (making it the first time); again after Close().
  void Open(std::vector<std::string> view_ids = {});
  void Close();
  // Whether the tests are to use their logs as another process does, over a socket: the environment
  // has STREAMVIEW_TEST_REMOTE.
  static bool IsRemote();
  std::string directory() const { return root_ / "log"; }
  std::filesystem::path root() const { return root_; }

  // One entry in a transaction of its own.
  Seq Append(const Value& key, const Value& value);
  Seq Put(const std::string& key, const std::string& json) {
    return Append(Value::Text(key), Value::Text(json));
  }
  Seq Erase(const std::string& key) { return Append(Value::Text(key), Value()); }

  static ViewDefinition TagsDefinition();
  std::shared_ptr<View> CreateTags() { return Must(engine_->CreateView(TagsDefinition())); }

  // For one who appends, and reads what is not committed.
  std::unique_ptr<Session> NewSession() const { return std::make_unique<Session>(engine_); }

  // The rows "key/value/doc_id" of a range, as of everything committed.
  std::vector<std::string> Rows(View& view, const ViewRange& range = {});
  // The same with the session's own.
  std::vector<std::string> RowsSeenBy(Session& session, const std::shared_ptr<View>& view,
                                      const ViewRange& range = {});
  static std::vector<std::string> RowsOf(const ViewSnapshot& snapshot, const ViewRange& range = {});
  static ViewRange Equal(const std::string& key) {
    ViewRange range;
    range.equal.push_back(Value::Text(key));
    return range;
  }

  std::shared_ptr<Engine> engine_;
  EngineOptions options_;

 private:
  ServerOptions HolderOptions() const;

  std::filesystem::path root_;
  std::unique_ptr<Holder> holder_;
};

}  // namespace streamview
