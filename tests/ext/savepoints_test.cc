// What a transaction goes back to by SQLite's savepoints.

#include "ext/savepoints.h"

#include <gtest/gtest.h>

namespace streamview {
namespace {

auto At(size_t size) {
  return [size] { return size; };
}

TEST(SavepointsTest, RollbackGivesTheSizeAtTheSavepoint) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(2));
  savepoints.Open(1, At(5));
  EXPECT_EQ(savepoints.RollbackTo(1), 5u);
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
}

TEST(SavepointsTest, RollbackKeepsItsOwnLevel) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(2));
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
}

TEST(SavepointsTest, ALevelCanBeOpenedAgainAfterItsRelease) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(2));
  savepoints.Open(1, At(3));
  savepoints.Release(1);
  savepoints.Open(1, At(7));
  EXPECT_EQ(savepoints.RollbackTo(1), 7u);
}

TEST(SavepointsTest, ReleaseForgetsTheLevelsAboveToo) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(1));
  savepoints.Open(1, At(2));
  savepoints.Release(0);
  savepoints.Open(0, At(8));
  savepoints.Open(1, At(9));
  EXPECT_EQ(savepoints.RollbackTo(1), 9u);
  EXPECT_EQ(savepoints.RollbackTo(0), 8u);
}

TEST(SavepointsTest, RollbackForgetsTheLevelsAbove) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(1));
  savepoints.Open(1, At(5));
  EXPECT_EQ(savepoints.RollbackTo(0), 1u);
  savepoints.Open(1, At(3));
  EXPECT_EQ(savepoints.RollbackTo(1), 3u);
}

TEST(SavepointsTest, ALevelThatWasNeverAnnouncedIsTheBeginning) {
  Savepoints<size_t> savepoints;
  savepoints.Open(1, At(4));
  EXPECT_EQ(savepoints.RollbackTo(0), 0u);
}

TEST(SavepointsTest, ASecondAnnouncementOfALevelChangesNothing) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(2));
  savepoints.Open(0, At(6));
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
}

TEST(SavepointsTest, MinusOneIsTheBeginningOfTheTransaction) {
  Savepoints<size_t> savepoints;
  savepoints.Open(0, At(2));
  EXPECT_EQ(savepoints.RollbackTo(-1), 0u);
}

}  // namespace
}  // namespace streamview
