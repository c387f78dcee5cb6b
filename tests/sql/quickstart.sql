-- The example of the README's first page, and what each statement of it gives.

CREATE VIRTUAL TABLE events USING sv_log;

.print == appends
INSERT INTO events(key, value) VALUES
  ('asset/blackcat', '{"location":"hawaii","tags":["cat","black","tail"]}'),
  ('asset/whitecat', '{"location":"maui","tags":["cat","white"]}');
INSERT INTO events(key, value) VALUES ('asset/rock', '{"location":"hawaii","tags":[]}');
SELECT seq, key, value FROM events;
SELECT sv_seq(), sv_head(), last_insert_rowid();
SELECT count(*), min(time) > 1600000000000, min(time) <= max(time) FROM events;

.print == a view by a SELECT
CREATE VIRTUAL TABLE view_tags USING sv_view(
  log = events,
  map = (SELECT tag.value AS key, events.value ->> '$.location' AS value
         FROM events, json_each(events.value, '$.tags') AS tag)
);
SELECT doc_id, value FROM view_tags WHERE key = 'cat';
SELECT * FROM view_tags;

.print == the same by JSON path
CREATE VIRTUAL TABLE view_tags2 USING sv_view(
  log = events, emit = '$.tags[*]', value = '$.location');
SELECT * FROM view_tags2;

.print == the document itself is a hidden column
SELECT doc FROM view_tags WHERE key = 'white';

.print == a new version of a document
INSERT INTO events(key, value)
  VALUES ('asset/blackcat', '{"location":"oahu","tags":["cat","black","lazy"]}');
SELECT doc_id, value, seq FROM view_tags WHERE key = 'cat';
SELECT count(*) FROM view_tags WHERE key = 'tail';
SELECT key FROM view_tags2 WHERE doc_id = 'asset/blackcat';

.print == a document is deleted by the value NULL
INSERT INTO events(key, value) VALUES ('asset/whitecat', NULL);
SELECT key, doc_id, value FROM view_tags;

.print == waiting and status
SELECT sv_wait(sv_seq());
SELECT sv_wait(sv_head('events'), 'view_tags2');
SELECT name, kind, state, seq, head, lag, errors FROM sv_status ORDER BY name;
INSERT INTO view_tags(view_tags) VALUES ('rebuild');
INSERT INTO view_tags(view_tags) VALUES ('flush');
SELECT key, doc_id, value FROM view_tags;

.print == another connection goes on where this one ended
.open test.db
.load ./streamview
SELECT sv_seq() IS NULL, sv_head();
SELECT doc_id, value FROM view_tags WHERE key = 'cat';
INSERT INTO events(key, value) VALUES ('asset/redcat', '{"tags":["cat","red"]}');
SELECT doc_id, value FROM view_tags WHERE key = 'cat';
