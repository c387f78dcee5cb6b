// How SQLite's savepoints cut a list back that grows during a transaction.

#include "ext/savepoints.h"

#include <gtest/gtest.h>

namespace streamview {
namespace {

TEST(SavepointsTest, RollbackGivesTheSizeAtTheSavepoint) {
  Savepoints savepoints;
  savepoints.Open(0, 2);
  savepoints.Open(1, 5);
  EXPECT_EQ(savepoints.RollbackTo(1), 5u);
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
}

TEST(SavepointsTest, RollbackKeepsItsOwnLevel) {
  Savepoints savepoints;
  savepoints.Open(0, 2);
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
}

TEST(SavepointsTest, ALevelCanBeOpenedAgainAfterItsRelease) {
  Savepoints savepoints;
  savepoints.Open(0, 2);
  savepoints.Open(1, 3);
  savepoints.Release(1);
  savepoints.Open(1, 7);
  EXPECT_EQ(savepoints.RollbackTo(1), 7u);
}

TEST(SavepointsTest, ReleaseForgetsTheLevelsAboveToo) {
  Savepoints savepoints;
  savepoints.Open(0, 1);
  savepoints.Open(1, 2);
  savepoints.Release(0);
  savepoints.Open(0, 8);
  savepoints.Open(1, 9);
  EXPECT_EQ(savepoints.RollbackTo(1), 9u);
  EXPECT_EQ(savepoints.RollbackTo(0), 8u);
}

TEST(SavepointsTest, RollbackForgetsTheLevelsAbove) {
  Savepoints savepoints;
  savepoints.Open(0, 1);
  savepoints.Open(1, 5);
  EXPECT_EQ(savepoints.RollbackTo(0), 1u);
  savepoints.Open(1, 3);
  EXPECT_EQ(savepoints.RollbackTo(1), 3u);
}

TEST(SavepointsTest, ALevelThatWasNeverAnnouncedIsTheBeginning) {
  Savepoints savepoints;
  savepoints.Open(1, 4);
  EXPECT_EQ(savepoints.RollbackTo(0), 0u);
}

TEST(SavepointsTest, ASecondAnnouncementOfALevelChangesNothing) {
  Savepoints savepoints;
  savepoints.Open(0, 2);
  savepoints.Open(0, 6);
  EXPECT_EQ(savepoints.RollbackTo(0), 2u);
}

TEST(SavepointsTest, MinusOneIsTheBeginningOfTheTransaction) {
  Savepoints savepoints;
  savepoints.Open(0, 2);
  EXPECT_EQ(savepoints.RollbackTo(-1), 0u);
}

}  // namespace
}  // namespace streamview
