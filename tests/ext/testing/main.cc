// Runs the tests, or the child program that one of them has asked for.

#include <gmock/gmock.h>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/faulty_memory.h"

int main(int argc, char** argv) {
  streamview::testing::InstallFaultyMemory();
  if (const auto code = streamview::testing::RunChildProgram(argc, argv)) return *code;
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
