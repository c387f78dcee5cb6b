// sv_cache_size: the memory for what is read of all logs of the process.

#include <map>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::HasSubstr;

class CacheSizeTest : public DatabaseTest {
 protected:
  void TearDown() override { db_->Run("SELECT sv_cache_size(NULL)"); }
  int64_t Size() { return db_->Integer("SELECT sv_cache_size()"); }
};

TEST_F(CacheSizeTest, IsSetAndTold) {
  const int64_t by_default = Size();
  EXPECT_GE(by_default, 16 << 20);
  EXPECT_LE(by_default, 128 << 20);
  EXPECT_EQ(db_->Integer("SELECT sv_cache_size(33554432)"), 32 << 20);
  EXPECT_EQ(Size(), 32 << 20);
  for (const auto& [text, bytes] : std::map<std::string, int64_t>{{"64 MB", 64 << 20},
                                                                  {"9000kb", 9000 << 10},
                                                                  {"2 GB", int64_t{2} << 30},
                                                                  {"10000000", 10000000}}) {
    EXPECT_EQ(db_->Integer("SELECT sv_cache_size(?1)", {text}), bytes) << text;
  }
  EXPECT_EQ(db_->Integer("SELECT sv_cache_size(NULL)"), by_default);
}

TEST_F(CacheSizeTest, RefusesWhatIsNoSize) {
  const int64_t before = Size();
  for (const char* wrong : {"'much'", "-1", "'64 TB'", "'1e9'", "1.5", "x'00'", "''",
                            "'99999999999999999999'", "'9223372036854775807 GB'"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT sv_cache_size(") + wrong + ")"),
                Fails(SQLITE_ERROR, HasSubstr("must be a number of bytes")))
        << wrong;
  }
  EXPECT_THAT(db_->Try("SELECT sv_cache_size('7 MB')"),
              Fails(SQLITE_ERROR, HasSubstr("must have 8 MB or more, not 7340032 bytes")));
  EXPECT_EQ(Size(), before);
}

}  // namespace
}  // namespace streamview::testing
