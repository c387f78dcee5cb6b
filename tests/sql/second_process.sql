-- One process at a time has a log open. Another one is told which, and can still use the ordinary
-- tables of the database; when the first has closed the log it can open it.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE tags USING sv_view(log = log, emit = '$.t[*]');
CREATE TABLE ordinary(a);
INSERT INTO log(key, value) VALUES ('d', '{"t":["a"]}');
.shell echo $PPID > holder

.print == from a second process
.shell echo 'SELECT * FROM log;' | sqlite3 -cmd '.load ./streamview' test.db 2>&1 | env -u LD_PRELOAD sed "s/$(cat holder)/<pid of the holder>/g; s/ near line [0-9]*//"
.shell echo 'INSERT INTO log(value) VALUES (1);' | sqlite3 -cmd '.load ./streamview' test.db 2>&1 | env -u LD_PRELOAD sed "s/$(cat holder)/<pid of the holder>/g; s/ near line [0-9]*//"
.shell echo 'SELECT count(*) FROM tags;' | sqlite3 -cmd '.load ./streamview' test.db 2>&1 | env -u LD_PRELOAD sed "s/$(cat holder)/<pid of the holder>/g; s/ near line [0-9]*//"
.shell echo 'INSERT INTO ordinary VALUES (1); SELECT * FROM ordinary;' | sqlite3 -cmd '.load ./streamview' test.db
.shell echo 'SELECT count(*) FROM ordinary; PRAGMA integrity_check;' | sqlite3 test.db

.print == the first one goes on
INSERT INTO log(key, value) VALUES ('e', '{"t":["b"]}');
SELECT key, doc_id FROM tags;

.print == and lets go of it
.open :memory:
.shell echo 'INSERT INTO log(key, value) VALUES (1, json_array()); SELECT key, doc_id FROM tags; SELECT count(*) FROM log;' | sqlite3 -cmd '.load ./streamview' test.db
