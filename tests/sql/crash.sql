-- A process that is killed in the middle of its work loses what it had not committed, and nothing else;
-- the views come out as if nothing had happened.

.once child.sql
SELECT '
CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE tags USING sv_view(log = log, emit = ''$.t[*]'', value = ''$.n'');
INSERT INTO log(key, value)
  SELECT value % 700, json_object(''n'', value, ''t'', json_array(''all'', value % 7))
  FROM generate_series(1, 5000);
SELECT count(*) FROM tags;
INSERT INTO log(key, value)
  SELECT value % 700, json_object(''n'', value, ''t'', json_array(''all'', value % 7))
  FROM generate_series(5001, 6000);
BEGIN;
INSERT INTO log(key, value) SELECT value, json_array() FROM generate_series(1, 1000);
SELECT count(*) FROM log;
.shell kill -9 $PPID
SELECT ''still alive'';';
.shell (sqlite3 -batch -cmd '.load ./streamview' test.db < child.sql; true) 2> killed

.open test.db
.load ./streamview
SELECT count(*), min(seq), max(seq), sv_head() FROM log;
SELECT count(*), sum(value) FROM tags WHERE key = 'all';
SELECT sum(value) FROM generate_series(5301, 6000);
SELECT key, count(*), sum(value) FROM tags WHERE key < 'all' GROUP BY key;
INSERT INTO log(key, value) VALUES (1, NULL);
SELECT count(*), sum(value) FROM tags WHERE key = 'all';
