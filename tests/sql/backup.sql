-- A backup of a database and its log while they are in use, and how it is restored: the commands of
-- docs/transactions.md.

CREATE VIRTUAL TABLE events USING sv_log;
CREATE VIRTUAL TABLE assets USING sv_docs(log = events);
CREATE VIRTUAL TABLE by_place USING sv_view(log = events, emit = '$.location');
CREATE TABLE visits(place);
BEGIN;
INSERT INTO visits VALUES ('hawaii');
INSERT INTO assets(key, value) VALUES ('blackcat', '{"location":"hawaii"}');
COMMIT;

.shell mkdir backup
BEGIN IMMEDIATE;
SELECT sv_backup('events', 'backup/test.db-events');
.shell sqlite3 test.db ".backup backup/test.db"
ROLLBACK;

-- It is never overwritten.
SELECT sv_backup('events', 'backup/test.db-events');
-- In a transaction that has written to the log there is no committed state to copy.
BEGIN;
INSERT INTO events(value) VALUES ('uncommitted');
SELECT sv_backup('events', 'backup/other');
ROLLBACK;

-- What comes after the backup is not in it.
BEGIN;
INSERT INTO visits VALUES ('oahu');
UPDATE assets SET value = json_set(value, '$.location', 'oahu') WHERE key = 'blackcat';
COMMIT;
SELECT place, doc_id FROM visits JOIN by_place ON key = place;

-- Used where it lies, it is a database of its own.
.open backup/test.db
.load ./streamview
SELECT place, doc_id FROM visits JOIN by_place ON key = place;
INSERT INTO assets(key, value) VALUES ('whitecat', '{"location":"maui"}');
SELECT sv_head();
.open test.db
.load ./streamview
SELECT sv_head();

-- Restored: the files take the place of the old ones, with all connections closed.
.open :memory:
.shell rm -r test.db test.db-events && cp backup/test.db . && cp -r backup/test.db-events .
.open test.db
.load ./streamview
SELECT place, doc_id FROM visits JOIN by_place ON key = place;
SELECT key, seq FROM assets;
INSERT INTO by_place(by_place) VALUES ('integrity-check');
INSERT INTO events(events) VALUES ('integrity-check');
PRAGMA integrity_check;
