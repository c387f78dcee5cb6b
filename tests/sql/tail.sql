-- What comes, and how far things are.

CREATE VIRTUAL TABLE events USING sv_log;
CREATE VIRTUAL TABLE view_tags USING sv_view(
  log = events, emit = '$.tags[*]', value = '$.location');
INSERT INTO events(key, value) VALUES
  ('asset/blackcat', '{"location":"hawaii","tags":["cat","black"]}'),
  (NULL, '{"location":"maui","tags":["storm"]}');

.print == a log
SELECT seq, operation, key, value FROM sv_tail('events', 0, 0);
INSERT INTO events(key, value) VALUES ('asset/blackcat', '{"location":"hawaii","tags":["cat"]}');
INSERT INTO events(key, value) VALUES ('asset/blackcat', NULL);
SELECT seq, operation, key, value FROM sv_tail('events', 2) LIMIT 2;
SELECT count(*) FROM sv_tail('events', sv_head(), 10);

.print == a view
SELECT seq, operation, key, value, doc_id FROM sv_tail('view_tags', 0, 0);
SELECT seq, operation, row FROM sv_tail('view_tags', 0) LIMIT 1;

.print == what it cannot do
SELECT * FROM sv_tail('events');
SELECT * FROM sv_tail('nothing', 0);
SELECT * FROM sv_tail('events', 5);
BEGIN;
INSERT INTO events(key, value) VALUES ('asset/redcat', '{}');
SELECT * FROM sv_tail('events', 4);
SELECT count(*) FROM sv_tail('events', 4, 0);
ROLLBACK;

.print == how far a view is
SELECT name, progress, bar FROM sv_status;
SELECT sv_wait(5, 'view_tags', 10);
CREATE VIRTUAL TABLE more USING sv_log;
CREATE VIRTUAL TABLE strict USING sv_view(log = more, emit = '$.tag', on_error = stop);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
  INSERT INTO more(key, value) SELECT i, iif(i = 8, 'no JSON', '{"tag":"t"}') FROM n;
SELECT count(*) FROM strict;
SELECT name, state, progress, bar, eta FROM sv_status WHERE log = 'more' AND kind = 'view';
