// A log directory that somebody else has had in hand: each use of the log is a clear error, and
// nothing outside of the directory is written, made or deleted.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "tests/ext/testing/files.h"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kSecret[] = "not to be touched";

class HostileDirectoryTest : public DatabaseTest {
 protected:
  HostileDirectoryTest() {
    CreateLogAndView();
    Append("a", R"({"tags":["cat"]})");
    db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1)");
    db_->Close();
    fs::create_directory(outside_);
    std::ofstream(outside_ + "/notes.txt") << kSecret;
    std::ofstream(outside_ + "/000007.log") << kSecret;
  }

  void TryAll() {
    db_ = Connect();
    for (const std::string sql :
         {"SELECT * FROM events", "INSERT INTO events(value) VALUES (1)", "SELECT * FROM view_tags",
          "SELECT * FROM sv_status", "SELECT sv_adopt('events')", "DROP TABLE view_tags",
          "BEGIN; DROP TABLE events; ROLLBACK", "DROP TABLE events"}) {
      db_->Try(sql);
    }
    EXPECT_THAT(db_->Query("SELECT x FROM plain"), ElementsAre("1"));
    db_->Close();
  }
  void ExpectRefused(const std::string& message) {
    db_ = Connect();
    EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_CANTOPEN, HasSubstr(message)));
    db_->Close();
  }
  void ExpectOutsideUntouched() {
    EXPECT_EQ(ReadFile(outside_ + "/notes.txt"), kSecret);
    EXPECT_EQ(ReadFile(outside_ + "/000007.log"), kSecret);
    const auto files = fs::directory_iterator(outside_);
    EXPECT_EQ(std::distance(begin(files), end(files)), 2);
  }

  const std::string outside_ = dir_ / "outside";
};

// A link in place of each of the files that are written, made or read as a log is opened or
// dropped.
class LinkTest : public HostileDirectoryTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(LinkTest, IsRefusedAndNotFollowed) {
  const std::string link = log_dir_ + "/" + GetParam();
  for (const std::string target : {"notes.txt", "new"}) {
    fs::remove(link);
    fs::create_symlink(outside_ + "/" + target, link);
    ExpectRefused(std::string("it holds \"") + GetParam() + "\", which is no plain file");
    ExpectOutsideUntouched();
  }
  TryAll();
  ExpectOutsideUntouched();
  EXPECT_TRUE(fs::is_symlink(link));
}

INSTANTIATE_TEST_SUITE_P(Files, LinkTest,
                         ::testing::Values("LOCK", "CURRENT", "UNCLAIMED", "STREAMVIEW.new",
                                           "000001.log", "building-1", "LOG", "OPTIONS-000007"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return c == '.' || c == '-'; });
                           return name;
                         });

TEST_F(HostileDirectoryTest, ALinkedMarkerIsRefused) {
  fs::rename(log_dir_ + "/STREAMVIEW", outside_ + "/marker");
  fs::create_symlink(outside_ + "/marker", log_dir_ + "/STREAMVIEW");
  ExpectRefused("no plain file");
}

TEST_F(HostileDirectoryTest, ALinkedArchiveIsNotEmptied) {
  fs::create_directory_symlink(outside_, log_dir_ + "/archive");
  ExpectRefused("it holds \"archive\", which is no plain file");
  TryAll();
  ExpectOutsideUntouched();
}

TEST_F(HostileDirectoryTest, APipeIsNotWaitedFor) {
  fs::remove(log_dir_ + "/CURRENT");
  ASSERT_EQ(mkfifo((log_dir_ + "/CURRENT").c_str(), 0600), 0);
  ExpectRefused("it holds \"CURRENT\", which is no plain file");
  TryAll();
}

// The directory itself may be one: that is how a log is kept on another disk.
TEST_F(HostileDirectoryTest, ALinkToTheDirectoryIsFollowed) {
  fs::rename(log_dir_, dir_ / "elsewhere");
  fs::create_directory_symlink(dir_ / "elsewhere", log_dir_);
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

TEST_F(HostileDirectoryTest, AnotherNameOfAFileIsNotWrittenTo) {
  std::ofstream(outside_ + "/notes.txt") << kSecret;
  fs::create_hard_link(outside_ + "/notes.txt", log_dir_ + "/UNCLAIMED");
  TryAll();  // drops the log
  ExpectOutsideUntouched();
}

TEST_F(HostileDirectoryTest, CreateInADirectoryPreparedWithLinksWritesToNone) {
  const std::string trap = dir_ / "trap";
  fs::create_directory(trap);
  fs::create_symlink(outside_ + "/notes.txt", trap + "/STREAMVIEW.new");
  fs::create_symlink(outside_ + "/000007.log", trap + "/UNCLAIMED");
  db_ = Connect();
  db_->Run("CREATE VIRTUAL TABLE l USING sv_log(path = '" + trap + "')");
  EXPECT_EQ(db_->Append("l", "a", 1), 1);
  db_->Run("DROP TABLE l");
  ExpectOutsideUntouched();
}

TEST_F(HostileDirectoryTest, AMarkerOfAnySizeIsRead) {
  const std::string marker = log_dir_ + "/STREAMVIEW";
  fs::resize_file(marker, uint64_t{1} << 40);  // takes no space
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
  db_->Close();
  std::ofstream(marker) << "";
  fs::resize_file(marker, uint64_t{1} << 40);
  ExpectRefused("STREAMVIEW file cannot be read or is damaged");
}

TEST_F(HostileDirectoryTest, OptionsOfRocksdbAreNotBelieved) {
  for (const fs::directory_entry& entry : fs::directory_iterator(log_dir_)) {
    if (!entry.path().filename().string().starts_with("OPTIONS")) continue;
    std::ofstream(entry.path()) << "[DBOptions]\n  wal_dir=" << outside_
                                << "\n  db_log_dir=" << outside_ << "\n  max_open_files=0\n";
  }
  std::ofstream(log_dir_ + "/OPTIONS-999999") << "[CFOptions \"log\"]\n  comparator=evil\n";
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
  Append("b", "{}");
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  db_->Close();
  ExpectOutsideUntouched();
}

TEST_F(HostileDirectoryTest, FurtherFilesStayWhereTheyAre) {
  std::ofstream(log_dir_ + "/notes.txt") << kSecret;
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  db_->Close();
  EXPECT_EQ(ReadFile(log_dir_ + "/notes.txt"), kSecret);
}

// Each file in turn: a part of it, nothing of it, far more than there was, and other bytes.
TEST_F(HostileDirectoryTest, FilesOfOtherSizesAndContentsAreErrorsAtWorst) {
  const std::string kept = dir_ / "kept";
  fs::copy(log_dir_, kept, fs::copy_options::recursive);
  fs::copy(path_, kept + ".db");
  const std::function<void(const std::string&)> changes[] = {
      [](const std::string& file) { fs::resize_file(file, fs::file_size(file) / 2); },
      [](const std::string& file) { fs::resize_file(file, 0); },
      [](const std::string& file) { fs::resize_file(file, fs::file_size(file) + (1u << 26)); },
      [](const std::string& file) { std::ofstream(file) << std::string(4096, '\xff'); },
  };
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kept)) {
    if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), kept));
  }
  for (const std::string& name : names) {
    for (const auto& change : changes) {
      SCOPED_TRACE(name);
      fs::remove_all(log_dir_);
      fs::copy(kept, log_dir_, fs::copy_options::recursive);
      fs::copy(kept + ".db", path_, fs::copy_options::overwrite_existing);
      change(log_dir_ + "/" + name);
      TryAll();
      ExpectOutsideUntouched();
    }
  }
}

// --- who may read it

class PrivacyTest : public DatabaseTest {
 protected:
  static unsigned ModeOf(const std::string& path) {
    return static_cast<unsigned>(fs::status(path).permissions());
  }
};

TEST_F(PrivacyTest, ALogIsNoMoreOpenThanItsDatabase) {
  const mode_t umask_before = umask(0);
  chmod(path_.c_str(), 0600);
  CreateLog();
  chmod(path_.c_str(), 0640);
  db_->Run("CREATE VIRTUAL TABLE shared USING sv_log");
  chmod(path_.c_str(), 0666);
  db_->Run("CREATE VIRTUAL TABLE open USING sv_log");
  db_->Run("SELECT sv_backup('events', 'copy')");
  umask(umask_before);
  EXPECT_EQ(ModeOf(log_dir_), 0700u);
  EXPECT_EQ(ModeOf(dir_ / "app.db-shared"), 0750u);
  EXPECT_EQ(ModeOf(dir_ / "app.db-open"), 0777u);
  EXPECT_EQ(ModeOf(dir_ / "copy"), 0700u);
}

}  // namespace
}  // namespace streamview::testing
