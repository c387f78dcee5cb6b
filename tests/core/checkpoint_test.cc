#include "core/codec/checkpoint.h"

#include <gtest/gtest.h>

namespace streamview {
namespace {

TEST(CheckpointTest, IsStoredAsDocumented) {
  std::string bytes;
  AppendCheckpoint(&bytes, {1, 300});
  EXPECT_EQ(bytes, "\x01\xf1\x3c");
  Checkpoint checkpoint;
  ASSERT_TRUE(ReadCheckpoint(bytes, &checkpoint));
  EXPECT_EQ(checkpoint, (Checkpoint{1, 300}));
}

TEST(CheckpointTest, OtherBytesAreRefused) {
  Checkpoint checkpoint;
  for (const char* bytes : {"", "\x01", "\x01\xf1", "\x01\x02\x03"}) {
    EXPECT_FALSE(ReadCheckpoint(bytes, &checkpoint)) << bytes;
  }
}

}  // namespace
}  // namespace streamview
