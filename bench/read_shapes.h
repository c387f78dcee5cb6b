// The reads that bench/reads.cc compares: each as one statement of streamview's and one of plain
// SQLite's, over the same documents, with the same answer.
//
// streamview           plain SQLite
// log, docs            log(seq, key, value), kept by triggers; docs(key, value)
// tag, size, ver       tag(key, doc_id, value), kept by triggers; indexes on expressions over docs
// section (reduce)     section(key, count, sum), kept by triggers

#pragma once

#include <string>
#include <vector>

namespace streamview::bench {

// What the parameters of a statement are, drawn anew for each run of it.
enum class Draws {
  kNothing,
  kKey,        // ?1: the key of a document
  kId,         // ?1: its unique id
  kTag,        // ?1: a tag that ten documents or more have
  kTwoTags,    // ?1, ?2: two of them
  kTagAndDoc,  // ?1: a tag; ?2: the key of a document
  kSize,       // ?1: a size
  kSeq,        // ?1: a number of an entry
  kSection,    // ?1: a section
  kTenKeys,    // ?1: ten keys, as a JSON array
  kManyKeys,   // ?1: a thousand
};

struct Shape {
  std::string name;
  Draws draws;
  int runs;  // measured in a round, after as many that are not
  std::string streamview;
  std::string sqlite;
  bool changes = false;  // writes; then it is not run by several threads
  double least = 0;      // the ratio to be reached, and the one that is aimed at; 0: none
  double goal = 0;
};

const std::vector<Shape>& ReadShapes();

// The schema, without pragmas.
extern const char kStreamviewSchema[];
extern const char kSqliteSchema[];

}  // namespace streamview::bench
