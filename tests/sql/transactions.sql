-- ROLLBACK, ROLLBACK TO and a failed statement take appends back as they do rows of ordinary tables;
-- numbers have no gaps afterwards, and no view ever shows what was taken back.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE colours USING sv_view(log = log, emit = '$.c');
CREATE TABLE note(text UNIQUE);
INSERT INTO log(key, value) VALUES ('d1', '{"c":"red"}'), ('d2', '{"c":"green"}');

.print == ROLLBACK
BEGIN;
INSERT INTO log(key, value) VALUES ('d1', '{"c":"blue"}'), ('d3', '{"c":"blue"}');
SELECT sv_seq(), last_insert_rowid();
ROLLBACK;
SELECT key, doc_id FROM colours;
SELECT count(*), sv_head(), sv_seq() FROM log;

.print == a transaction sees its own appends
BEGIN;
INSERT INTO log(key, value) VALUES ('d1', '{"c":"blue"}'), ('d2', NULL);
INSERT INTO log(value) VALUES ('{"c":"event"}');
SELECT seq, key, value FROM log WHERE seq > 2;
SELECT key, doc_id, seq FROM colours;
SELECT sv_head();
COMMIT;
SELECT key, doc_id, seq FROM colours;
SELECT sv_head(), sv_seq();

.print == savepoints
BEGIN;
INSERT INTO log(key, value) VALUES ('d4', '{"c":"four"}');
SAVEPOINT one;
INSERT INTO log(key, value) VALUES ('d5', '{"c":"five"}');
SAVEPOINT two;
INSERT INTO log(key, value) VALUES ('d6', '{"c":"six"}');
ROLLBACK TO two;
SELECT key, value FROM log WHERE seq > 5;
INSERT INTO log(key, value) VALUES ('d7', '{"c":"seven"}');
RELEASE two;
ROLLBACK TO one;
SELECT key, value FROM log WHERE seq > 5;
INSERT INTO log(key, value) VALUES ('d8', '{"c":"eight"}');
COMMIT;
SELECT seq, key FROM log WHERE seq > 5;
SELECT key, doc_id FROM colours;

.print == savepoints opened before the log is first written
SAVEPOINT outer;
SAVEPOINT inner;
INSERT INTO log(key, value) VALUES ('d9', '{"c":"nine"}');
ROLLBACK TO outer;
INSERT INTO log(key, value) VALUES ('d10', '{"c":"ten"}');
RELEASE outer;
SELECT seq, key FROM log WHERE seq > 7;

.print == a statement that fails half-way is undone, the transaction goes on
INSERT INTO note VALUES ('taken');
BEGIN;
INSERT INTO log(key, value) VALUES ('d11', '{"c":"eleven"}');
INSERT INTO log(key, value)
  SELECT 'x' || value, iif(value < 3, '{"c":"x"}', json('not JSON')) FROM json_each('[1,2,3,4]');
INSERT INTO note VALUES ('taken');
COMMIT;
SELECT seq, key FROM log WHERE seq > 8;
SELECT count(*) FROM colours WHERE key = 'x';

.print == with ordinary tables: all or nothing
BEGIN;
INSERT INTO note VALUES ('lost');
INSERT INTO log(key, value) VALUES ('d12', '{"c":"lost"}');
ROLLBACK;
BEGIN;
INSERT INTO note VALUES ('kept');
INSERT INTO log(key, value) VALUES ('d12', '{"c":"kept"}');
COMMIT;
SELECT text FROM note;
SELECT key, doc_id FROM colours WHERE doc_id = 'd12';

.print == CREATE and DROP are undone too
BEGIN;
CREATE VIRTUAL TABLE gone USING sv_view(log = log, emit = '$.c');
SELECT count(*) FROM gone;
ROLLBACK;
SELECT count(*) FROM sv_status WHERE name = 'gone';
BEGIN;
DROP TABLE colours;
ROLLBACK;
SELECT count(*) FROM colours;
DROP TABLE colours;
SELECT count(*) FROM sv_status WHERE name = 'colours';
SELECT key FROM colours;

.print == another connection sees the same
.open test.db
.load ./streamview
SELECT seq, key, value FROM log;
