-- Bad input: each a clear error, and nothing is lost by it. After every group the log and the view
-- still answer.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE tags USING sv_view(log = log, emit = '$.t[*]');
INSERT INTO log(key, value) VALUES ('d', '{"t":["a"]}');
CREATE TABLE ordinary(a);

.print == maps that are no map
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELEC log.value AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT log.value AS key FROM));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = ());
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT log.colour AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT 1 AS key; SELECT 2 AS key));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (INSERT INTO log(value) VALUES (1)));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (DELETE FROM log RETURNING key));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT count(*) AS key FROM ordinary));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT count(*) AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT 1 AS key));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT a AS key FROM ordinary));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT name AS key FROM sqlite_schema));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT random() AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT datetime('now') AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT CURRENT_TIMESTAMP AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT last_insert_rowid() AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT sv_seq() AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT unheard_of(log.value) AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (PRAGMA table_info(log)));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (ATTACH 'other.db' AS other));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT log.value AS key FROM log WHERE ?1));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, keys = 2, map = (SELECT log.value AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT 1 AS key, 2 AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, map = (SELECT 1 AS doc_id FROM log));
SELECT count(*) FROM sqlite_schema WHERE name = 'bad';

.print == options of a view
CREATE VIRTUAL TABLE bad USING sv_view;
CREATE VIRTUAL TABLE bad USING sv_view(log = log);
CREATE VIRTUAL TABLE bad USING sv_view(emit = '$.t');
CREATE VIRTUAL TABLE bad USING sv_view(log = nowhere, emit = '$.t');
CREATE VIRTUAL TABLE bad USING sv_view(log = ordinary, emit = '$.t');
CREATE VIRTUAL TABLE bad USING sv_view(log = tags, emit = '$.t');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', colour = 'red');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, log = log, emit = '$.t');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit);
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', map = (SELECT 1 AS key FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, value = '$.t');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', keys = 0);
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', keys = many);
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', version = 'one');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', on_error = 'panic');

.print == JSON paths
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = 't');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t[');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t[x]');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$..t');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.t', value = '$.v[*]');

.print == logs
CREATE VIRTUAL TABLE bad USING sv_log(colour = 'red');
CREATE VIRTUAL TABLE bad USING sv_log(sync = 'sometimes');
CREATE VIRTUAL TABLE bad USING sv_log(path = '/dev/null/log');
.shell mkdir foreign && echo precious > foreign/file
CREATE VIRTUAL TABLE bad USING sv_log(path = 'foreign');
.shell cat foreign/file
.shell echo precious > file
CREATE VIRTUAL TABLE bad USING sv_log(path = 'file');
.shell cat file
CREATE VIRTUAL TABLE bad USING sv_log(path = 'test.db-log');
SELECT count(*) FROM sqlite_schema WHERE name = 'bad';

.print == the log is append only
UPDATE log SET value = NULL;
UPDATE log SET value = NULL WHERE seq = 1;
DELETE FROM log WHERE seq = 1;
DELETE FROM log;
INSERT INTO log(seq, key, value) VALUES (7, 'd', NULL);
INSERT INTO log(time, key, value) VALUES (0, 'd', NULL);
INSERT INTO log(key, value) VALUES (zeroblob(65537), '{}');
INSERT INTO log(key, value) VALUES (zeroblob(65537), '{}') RETURNING seq;
SELECT seq, key, value FROM log;

.print == views are read only
INSERT INTO tags(key) VALUES ('b');
UPDATE tags SET key = 'b';
DELETE FROM tags;
SELECT * FROM tags;

.print == commands
INSERT INTO tags(tags) VALUES ('dance');
INSERT INTO tags(tags) VALUES (NULL);
INSERT INTO log(log) VALUES ('dance');
INSERT INTO sv_status(name) VALUES ('x');

.print == functions
SELECT sv_wait(2);
SELECT sv_wait(-1);
SELECT sv_wait('two');
SELECT sv_wait(1, 'nothing');
SELECT sv_wait(1, 'ordinary');
SELECT sv_wait(2, 'tags', 10);
SELECT sv_wait(NULL) IS NULL;
SELECT sv_wait();
SELECT sv_head('nothing');
SELECT sv_seq('nothing');
SELECT sv_consistency('perhaps');
SELECT sv_consistency();
CREATE VIEW in_schema AS SELECT sv_wait(1);
SELECT * FROM in_schema;

.print == a document that is no JSON
INSERT INTO log(key, value) VALUES ('torn', '{"t":["a"'), ('e', '{"t":["b"]}');
INSERT INTO log(key, value) VALUES ('number', 17), ('blob', x'ff');
SELECT key, doc_id FROM tags;
SELECT sv_wait(sv_seq());
SELECT log, view, seq, doc_id, message FROM sv_errors;
SELECT name, state, errors, last_error FROM sv_status WHERE kind = 'view';

.print == a view that stops at its first error
CREATE VIRTUAL TABLE strict USING sv_view(log = log, emit = '$.t[*]', on_error = 'stop');
SELECT count(*) FROM strict;
SELECT sv_wait(sv_head(), 'strict');
SELECT name, state, seq FROM sv_status WHERE name = 'strict';
INSERT INTO log(key, value) VALUES ('torn', '{"t":["c"]}');
SELECT key, doc_id FROM tags;
DROP TABLE strict;

.print == a map that does not end is stopped, and that document left out
CREATE VIRTUAL TABLE endless USING sv_view(log = log, map = (
  SELECT (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
                                  SELECT i + 1 FROM n WHERE log.key = 'e' OR i < 3)
          SELECT max(i) FROM n) AS key
  FROM log));
SELECT key, doc_id FROM endless;
SELECT doc_id, message FROM sv_errors WHERE view = 'endless';
DROP TABLE endless;

.print == with two logs, a function asks which
CREATE VIRTUAL TABLE second USING sv_log;
SELECT sv_wait(1);
SELECT sv_head();
SELECT sv_seq();
SELECT sv_head('second'), sv_wait(1, 'tags') >= 1;

.print == nothing was lost
SELECT key, doc_id FROM tags;
SELECT count(*) FROM log;
SELECT count(*) FROM ordinary;
PRAGMA integrity_check;
