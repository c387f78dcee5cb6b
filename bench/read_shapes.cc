#include "bench/read_shapes.h"

namespace streamview::bench {

const char kStreamviewSchema[] = R"(
CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE docs USING sv_docs(log = log);
CREATE VIRTUAL TABLE tag USING sv_view(log = log, emit = '$.tags[*]', value = '$.section');
CREATE VIRTUAL TABLE size USING sv_view(log = log, emit = '$.installed_size');
CREATE VIRTUAL TABLE ver USING sv_view(log = log, emit = '$.id');
CREATE VIRTUAL TABLE section USING sv_view(log = log, reduce = 'stats', emit = '$.section',
  value = '$.installed_size');
)";

const char kSqliteSchema[] = R"(
CREATE TABLE log(seq INTEGER PRIMARY KEY, key, value);
CREATE INDEX log_key ON log(key);
CREATE TABLE docs(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX size ON docs(value ->> '$.installed_size');
CREATE INDEX ver ON docs(value ->> '$.id');
CREATE TABLE tag(key, doc_id, value, PRIMARY KEY (key, doc_id)) WITHOUT ROWID;
CREATE TABLE section(key PRIMARY KEY, count, sum) WITHOUT ROWID;
CREATE TRIGGER inserted AFTER INSERT ON docs BEGIN
  INSERT INTO log(key, value) VALUES (new.key, new.value);
  INSERT OR IGNORE INTO tag
    SELECT value, new.key, new.value ->> '$.section' FROM json_each(new.value, '$.tags');
  INSERT INTO section VALUES (new.value ->> '$.section', 1, new.value ->> '$.installed_size')
    ON CONFLICT (key) DO UPDATE SET count = count + 1, sum = sum + excluded.sum;
END;
CREATE TRIGGER updated AFTER UPDATE OF value ON docs BEGIN
  INSERT INTO log(key, value) VALUES (new.key, new.value);
  DELETE FROM tag WHERE (key, doc_id) IN
    (SELECT value, old.key FROM json_each(old.value, '$.tags'));
  INSERT OR IGNORE INTO tag
    SELECT value, new.key, new.value ->> '$.section' FROM json_each(new.value, '$.tags');
  UPDATE section SET count = count - 1, sum = sum - (old.value ->> '$.installed_size')
    WHERE key = old.value ->> '$.section';
  INSERT INTO section VALUES (new.value ->> '$.section', 1, new.value ->> '$.installed_size')
    ON CONFLICT (key) DO UPDATE SET count = count + 1, sum = sum + excluded.sum;
END;
)";

const std::vector<Shape>& ReadShapes() {
  static const std::vector<Shape>* const shapes = new std::vector<Shape>{
      {.name = "document by key",
       .draws = Draws::kKey,
       .runs = 4000,
       .streamview = "SELECT value FROM docs WHERE key = ?1",
       .sqlite = "SELECT value FROM docs WHERE key = ?1",
       .least = 1.5,
       .goal = 1.0},
      {.name = "whether a key exists",
       .draws = Draws::kKey,
       .runs = 4000,
       .streamview = "SELECT 1 FROM docs WHERE key = ?1",
       .sqlite = "SELECT 1 FROM docs WHERE key = ?1",
       .least = 1.5,
       .goal = 1.0},
      {.name = "unique key of a view",
       .draws = Draws::kId,
       .runs = 4000,
       .streamview = "SELECT doc_id FROM ver WHERE key = ?1",
       .sqlite = "SELECT key FROM docs WHERE value ->> '$.id' = ?1",
       .least = 1.3,
       .goal = 0.8},
      {.name = "unique key, document",
       .draws = Draws::kId,
       .runs = 4000,
       .streamview = "SELECT doc FROM ver WHERE key = ?1",
       .sqlite = "SELECT value FROM docs WHERE value ->> '$.id' = ?1",
       .least = 1.8,
       .goal = 1.2},
      {.name = "ten rows of a key",
       .draws = Draws::kTag,
       .runs = 4000,
       .streamview = "SELECT doc_id, value FROM tag WHERE key = ?1 LIMIT 10",
       .sqlite = "SELECT doc_id, value FROM tag WHERE key = ?1 LIMIT 10",
       .least = 1.2,
       .goal = 0.9},
      {.name = "ten rows of a key, documents",
       .draws = Draws::kTag,
       .runs = 2000,
       .streamview = "SELECT doc FROM tag WHERE key = ?1 LIMIT 10",
       .sqlite = "SELECT docs.value FROM tag JOIN docs ON docs.key = tag.doc_id"
                 " WHERE tag.key = ?1 LIMIT 10",
       .least = 1.2,
       .goal = 0.8},
      {.name = "ten rows of a key, from the tenth",
       .draws = Draws::kTag,
       .runs = 4000,
       .streamview = "SELECT doc_id, value FROM tag WHERE key = ?1 LIMIT 10 OFFSET 10",
       .sqlite = "SELECT doc_id, value FROM tag WHERE key = ?1 LIMIT 10 OFFSET 10",
       .least = 1.5,
       .goal = 1.0},
      {.name = "ten rows of a key, backwards",
       .draws = Draws::kTag,
       .runs = 4000,
       .streamview = "SELECT doc_id FROM tag WHERE key = ?1 ORDER BY doc_id DESC LIMIT 10",
       .sqlite = "SELECT doc_id FROM tag WHERE key = ?1 ORDER BY doc_id DESC LIMIT 10",
       .least = 1.5,
       .goal = 1.0},
      {.name = "page of 50 of a key, from a document",
       .draws = Draws::kTagAndDoc,
       .runs = 2000,
       .streamview = "SELECT doc_id FROM tag WHERE key = ?1 AND doc_id > ?2"
                     " ORDER BY doc_id LIMIT 50",
       .sqlite = "SELECT doc_id FROM tag WHERE key = ?1 AND doc_id > ?2 ORDER BY doc_id LIMIT 50"},
      {.name = "count of a key",
       .draws = Draws::kTag,
       .runs = 1000,
       .streamview = "SELECT count(*) FROM tag WHERE key = ?1",
       .sqlite = "SELECT count(*) FROM tag WHERE key = ?1",
       .least = 2,
       .goal = 1.0},
      {.name = "whether a key has rows",
       .draws = Draws::kTag,
       .runs = 4000,
       .streamview = "SELECT EXISTS (SELECT 1 FROM tag WHERE key = ?1)",
       .sqlite = "SELECT EXISTS (SELECT 1 FROM tag WHERE key = ?1)"},
      {.name = "two keys of a view joined, count",
       .draws = Draws::kTwoTags,
       .runs = 400,
       .streamview = "SELECT count(*) FROM tag a JOIN tag b ON b.key = ?2 AND b.doc_id = a.doc_id"
                     " WHERE a.key = ?1",
       .sqlite = "SELECT count(*) FROM tag a JOIN tag b ON b.key = ?2 AND b.doc_id = a.doc_id"
                 " WHERE a.key = ?1",
       .least = 2.5,
       .goal = 1.0},
      {.name = "ten keys by IN",
       .draws = Draws::kTenKeys,
       .runs = 1000,
       .streamview = "SELECT value FROM docs WHERE key IN (SELECT value FROM json_each(?1))",
       .sqlite = "SELECT value FROM docs WHERE key IN (SELECT value FROM json_each(?1))"},
      {.name = "a thousand keys by IN",
       .draws = Draws::kManyKeys,
       .runs = 20,
       .streamview = "SELECT value FROM docs WHERE key IN (SELECT value FROM json_each(?1))",
       .sqlite = "SELECT value FROM docs WHERE key IN (SELECT value FROM json_each(?1))"},
      {.name = "20 of a range of numbers",
       .draws = Draws::kSize,
       .runs = 2000,
       .streamview = "SELECT doc_id FROM size WHERE key BETWEEN ?1 AND ?1 + 100 LIMIT 20",
       .sqlite = "SELECT key FROM docs WHERE value ->> '$.installed_size'"
                 " BETWEEN ?1 AND ?1 + 100 LIMIT 20",
       .least = 0.7,
       .goal = 0.4},
      {.name = "20 of a range of numbers, documents",
       .draws = Draws::kSize,
       .runs = 1000,
       .streamview = "SELECT doc FROM size WHERE key BETWEEN ?1 AND ?1 + 100 LIMIT 20",
       .sqlite = "SELECT value FROM docs WHERE value ->> '$.installed_size'"
                 " BETWEEN ?1 AND ?1 + 100 LIMIT 20",
       .least = 1.3,
       .goal = 0.8},
      {.name = "20 numbers backwards",
       .draws = Draws::kSize,
       .runs = 2000,
       .streamview = "SELECT doc_id FROM size WHERE key <= ?1 ORDER BY key DESC LIMIT 20",
       .sqlite = "SELECT key FROM docs WHERE value ->> '$.installed_size' <= ?1"
                 " ORDER BY value ->> '$.installed_size' DESC LIMIT 20",
       .least = 0.8,
       .goal = 0.5},
      {.name = "20 keys in order",
       .draws = Draws::kKey,
       .runs = 2000,
       .streamview = "SELECT key FROM docs WHERE key >= ?1 ORDER BY key LIMIT 20",
       .sqlite = "SELECT key FROM docs WHERE key >= ?1 ORDER BY key LIMIT 20",
       .least = 1.5,
       .goal = 1.0},
      {.name = "20 documents in order",
       .draws = Draws::kKey,
       .runs = 1000,
       .streamview = "SELECT key, value FROM docs WHERE key >= ?1 ORDER BY key LIMIT 20",
       .sqlite = "SELECT key, value FROM docs WHERE key >= ?1 ORDER BY key LIMIT 20",
       .least = 1.3,
       .goal = 0.8},
      {.name = "100 entries of the log",
       .draws = Draws::kSeq,
       .runs = 2000,
       .streamview = "SELECT seq, key FROM log WHERE seq > ?1 LIMIT 100",
       .sqlite = "SELECT seq, key FROM log WHERE seq > ?1 LIMIT 100",
       .least = 1.5,
       .goal = 1.0},
      {.name = "history of a document",
       .draws = Draws::kKey,
       .runs = 2000,
       .streamview = "SELECT seq, value FROM sv_history('log', ?1)",
       .sqlite = "SELECT seq, value FROM log WHERE key = ?1 ORDER BY seq DESC"},
      {.name = "aggregate of a key",
       .draws = Draws::kSection,
       .runs = 4000,
       .streamview = "SELECT count, sum FROM section WHERE key = ?1",
       .sqlite = "SELECT count, sum FROM section WHERE key = ?1"},
      {.name = "aggregates of a range",
       .draws = Draws::kSection,
       .runs = 2000,
       .streamview = "SELECT key, count, sum FROM section WHERE key >= ?1",
       .sqlite = "SELECT key, count, sum FROM section WHERE key >= ?1"},
      {.name = "UPDATE of a document by key",
       .draws = Draws::kKey,
       .runs = 500,
       .streamview = "UPDATE docs SET value = json_set(value, '$.version', 'new') WHERE key = ?1",
       .sqlite = "UPDATE docs SET value = json_set(value, '$.version', 'new') WHERE key = ?1",
       .changes = true},
      {.name = "count by key of a whole view",
       .draws = Draws::kNothing,
       .runs = 3,
       .streamview = "SELECT key, count(*) FROM tag GROUP BY key",
       .sqlite = "SELECT key, count(*) FROM tag GROUP BY key",
       .least = 2,
       .goal = 1.0},
      {.name = "count of a whole view",
       .draws = Draws::kNothing,
       .runs = 5,
       .streamview = "SELECT count(*) FROM tag",
       .sqlite = "SELECT count(*) FROM tag",
       .least = 30,
       .goal = 5},
      {.name = "count of all documents",
       .draws = Draws::kNothing,
       .runs = 5,
       .streamview = "SELECT count(*) FROM docs",
       .sqlite = "SELECT count(*) FROM docs",
       .least = 30,
       .goal = 5},
      {.name = "length of all documents",
       .draws = Draws::kNothing,
       .runs = 3,
       .streamview = "SELECT sum(length(value)) FROM docs",
       .sqlite = "SELECT sum(length(value)) FROM docs",
       .least = 2,
       .goal = 1.0},
      {.name = "scan of the log",
       .draws = Draws::kNothing,
       .runs = 3,
       .streamview = "SELECT count(*) FROM log WHERE value ->> '$.section' = 'games'",
       .sqlite = "SELECT count(*) FROM log WHERE value ->> '$.section' = 'games'",
       .least = 1.2,
       .goal = 1.0},
  };
  return *shapes;
}

}  // namespace streamview::bench
