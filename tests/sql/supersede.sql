-- A newer entry with the same key takes the place of the older one in every view, whatever it emits; a
-- NULL value deletes the document; an event without key stays for ever.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE tags USING sv_view(log = log, emit = '$.t[*]', value = '$.n');
CREATE VIRTUAL TABLE tags_sql USING sv_view(log = log,
  map = (SELECT t.value AS key, log.value ->> '$.n' AS value
         FROM log, json_each(log.value, '$.t') AS t));
CREATE TEMP VIEW differs AS
  SELECT * FROM (SELECT key, value, doc_id, seq FROM tags EXCEPT SELECT * FROM tags_sql)
  UNION ALL
  SELECT * FROM (SELECT * FROM tags_sql EXCEPT SELECT key, value, doc_id, seq FROM tags);

.print == the newer version counts
INSERT INTO log(key, value) VALUES ('d', '{"n":1,"t":["a","b"]}');
INSERT INTO log(key, value) VALUES ('d', '{"n":2,"t":["b","c"]}');
SELECT * FROM tags;

.print == one that emits nothing leaves nothing
INSERT INTO log(key, value) VALUES ('e', '{"n":1,"t":["a"]}');
INSERT INTO log(key, value) VALUES ('e', '{"n":2}');
SELECT * FROM tags WHERE doc_id = 'e';

.print == the same rows again, with another value
INSERT INTO log(key, value) VALUES ('d', '{"n":3,"t":["b","c"]}');
SELECT * FROM tags;

.print == deleted, and made anew
INSERT INTO log(key, value) VALUES ('d', NULL);
SELECT count(*) FROM tags;
INSERT INTO log(key, value) VALUES ('d', '{"n":5,"t":["c"]}');
SELECT * FROM tags;

.print == a tombstone of what never was
INSERT INTO log(key, value) VALUES ('never', NULL);
SELECT count(*) FROM tags;

.print == several versions in one transaction, and in one statement
BEGIN;
INSERT INTO log(key, value) VALUES ('f', '{"n":1,"t":["x"]}'), ('f', '{"n":2,"t":["y"]}'), ('f', NULL),
  ('f', '{"n":4,"t":["z"]}');
INSERT INTO log(key, value) VALUES ('g', '{"n":1,"t":["x"]}'), ('g', NULL);
SELECT key, value FROM tags WHERE doc_id IN ('f', 'g');
COMMIT;
SELECT key, value FROM tags WHERE doc_id IN ('f', 'g');

.print == an entry may emit one key more than once
INSERT INTO log(key, value) VALUES ('h', '{"n":1,"t":["m","m","n","m"]}');
SELECT key, value FROM tags WHERE doc_id = 'h';
INSERT INTO log(key, value) VALUES ('h', '{"n":2,"t":["m"]}');
SELECT key, value FROM tags WHERE doc_id = 'h';

.print == events have no document: nothing supersedes them
INSERT INTO log(value) VALUES ('{"n":1,"t":["event"]}'), ('{"n":2,"t":["event"]}');
INSERT INTO log(key, value) VALUES (NULL, NULL);
SELECT *, typeof(doc_id) FROM tags WHERE key = 'event';

.print == a document's key may be of any type, and 1 and 1.0 are one key as in an ordinary table
INSERT INTO log(key, value) VALUES (1, '{"n":"int","t":["k"]}'), ('1', '{"n":"text","t":["k"]}'),
  (x'31', '{"n":"blob","t":["k"]}'), (1.5, '{"n":"real","t":["k"]}'), ('', '{"n":"empty","t":["k"]}');
SELECT value, quote(doc_id) FROM tags WHERE key = 'k';
INSERT INTO log(key, value) VALUES (1.0, '{"n":"int again","t":["k"]}');
SELECT value, quote(doc_id) FROM tags WHERE key = 'k';

.print == what is not JSON is an error of that entry, until a newer one supersedes it
INSERT INTO log(key, value) VALUES ('bad', 'no JSON');
SELECT sv_wait(sv_seq());
SELECT count(*) FROM tags WHERE doc_id = 'bad';
SELECT view, seq, doc_id, message <> '' FROM sv_errors ORDER BY view;
INSERT INTO log(key, value) VALUES ('bad', '{"n":1,"t":["good"]}');
SELECT key, value FROM tags WHERE doc_id = 'bad';
SELECT sv_wait(sv_seq());
SELECT count(*) FROM sv_errors;

.print == both views agree throughout, and after a rebuild and in another connection
SELECT * FROM differs;
INSERT INTO tags(tags) VALUES ('rebuild');
SELECT * FROM differs;
SELECT sv_wait(sv_head()) = sv_head();
SELECT * FROM differs;
.open test.db
.load ./streamview
SELECT key, value, quote(doc_id), seq FROM tags;
SELECT key, value, quote(doc_id), seq FROM tags_sql
  EXCEPT SELECT key, value, quote(doc_id), seq FROM tags;
