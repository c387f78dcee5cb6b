-- Documents of a log, end to end: read and written as a table, as they were, and their history.

CREATE VIRTUAL TABLE events USING sv_log;
CREATE VIRTUAL TABLE assets USING sv_docs(log = events);
CREATE VIRTUAL TABLE view_tags USING sv_view(log = events, emit = '$.tags[*]', value = '$.location');

INSERT INTO assets(key, value) VALUES
  ('asset/blackcat', '{"location":"hawaii","tags":["cat","black","tail"]}'),
  ('asset/whitecat', '{"location":"maui","tags":["cat","white"]}'),
  ('asset/dog', '{"location":"kauai","tags":["dog","tail"]}');

.print == read
SELECT key, value ->> '$.location' FROM assets;
SELECT key FROM assets WHERE key GLOB 'asset/[bw]*' ORDER BY key DESC;
SELECT count(*) FROM assets WHERE key > 'asset/c';

.print == a live key is a constraint, unless something else is asked for
INSERT INTO assets(key, value) VALUES ('asset/dog', '{}');
INSERT OR IGNORE INTO assets(key, value) VALUES ('asset/dog', '{}'), ('asset/bird', '{}');
SELECT changes(), last_insert_rowid(), sv_seq();
INSERT OR REPLACE INTO assets(key, value) VALUES ('asset/bird', '{"tags":["tail"]}');
SELECT doc_id FROM view_tags WHERE key = 'tail';

.print == update, delete
UPDATE assets SET value = json_set(value, '$.location', 'oahu') WHERE key = 'asset/blackcat';
UPDATE assets SET key = 'asset/puppy' WHERE key = 'asset/dog';
DELETE FROM assets WHERE key = 'asset/whitecat';
SELECT key, seq FROM assets;
SELECT doc_id, value FROM view_tags WHERE key IN ('cat', 'dog') ORDER BY key, doc_id;

.print == an optimistic lock
UPDATE assets SET value = '{}' WHERE key = 'asset/bird' AND seq = 5;
SELECT changes();
UPDATE assets SET value = '{}' WHERE key = 'asset/bird' AND seq = 4;
SELECT changes();

.print == as they were
SELECT key, value ->> '$.location' FROM assets WHERE as_of = 3;
SELECT key FROM assets WHERE as_of = 99;
DELETE FROM assets WHERE as_of = 3;

.print == history
SELECT seq, operation, value ->> '$.location' FROM sv_history('events', 'asset/whitecat');
SELECT seq FROM sv_history('events', 'asset/blackcat') ORDER BY seq DESC LIMIT 1;
SELECT * FROM sv_history('events');

.print == transactions
BEGIN;
DELETE FROM assets;
SELECT count(*) FROM assets;
SAVEPOINT one;
INSERT INTO assets(key, value) VALUES (1, 'x'), (1.0, 'y');
INSERT INTO assets(key, value) VALUES (1, 'x');
SELECT key, value FROM assets;
ROLLBACK TO one;
SELECT count(*) FROM assets;
ROLLBACK;
SELECT count(*) FROM assets;
