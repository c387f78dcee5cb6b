-- A second process uses the log by way of the first; when that has closed it, it can open it itself.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE tags USING sv_view(log = log, emit = '$.t[*]');
CREATE TABLE ordinary(a);
INSERT INTO log(key, value) VALUES ('d', '{"t":["a"]}');

.print == from a second process
.shell echo 'SELECT seq, key, value FROM log;' | sqlite3 -cmd '.load ./streamview' test.db
.shell echo 'INSERT INTO log(key, value) VALUES (2, json_object());' | sqlite3 -cmd '.load ./streamview' test.db
.shell echo 'SELECT count(*) FROM tags;' | sqlite3 -cmd '.load ./streamview' test.db
.shell echo 'INSERT INTO ordinary VALUES (1); SELECT * FROM ordinary;' | sqlite3 -cmd '.load ./streamview' test.db
.shell echo 'SELECT count(*) FROM ordinary; PRAGMA integrity_check;' | sqlite3 test.db

.print == the first one goes on
INSERT INTO log(key, value) VALUES ('e', '{"t":["b"]}');
SELECT seq, key FROM log;
SELECT key, doc_id FROM tags;

.print == and lets go of it
.open :memory:
.shell echo 'INSERT INTO log(key, value) VALUES (1, json_array()); SELECT key, doc_id FROM tags; SELECT count(*) FROM log;' | sqlite3 -cmd '.load ./streamview' test.db
