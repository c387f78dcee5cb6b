-- The main job on real input: 3,000 packages of Debian. What the views answer equals what plain SQL
-- computes from the latest documents; only what differs is printed.

.mode ascii
.separator "\037" "\n"
CREATE TEMP TABLE input(doc TEXT);
.import --schema temp data/debian-packages.jsonl input
.mode list
.separator "|" "\n"

CREATE VIRTUAL TABLE packages USING sv_log;
CREATE VIRTUAL TABLE tags USING sv_view(
  log = packages,
  map = (SELECT tag.value AS key, packages.value ->> '$.description' AS description
         FROM packages, json_each(packages.value, '$.tags') AS tag));
CREATE VIRTUAL TABLE dependents USING sv_view(
  log = packages, emit = '$.depends[*]', value = '$.section');

-- The latest documents, in an ordinary table, and what the views should hold.
CREATE TABLE latest(key TEXT PRIMARY KEY, value TEXT, seq INTEGER);
CREATE VIEW expected_tags AS
  SELECT tag.value AS key, latest.value ->> '$.description' AS description, latest.key AS doc_id, seq
  FROM latest, json_each(latest.value, '$.tags') AS tag;
CREATE VIEW expected_dependents AS
  SELECT d.value AS key, latest.value ->> '$.section' AS value, latest.key AS doc_id, seq
  FROM latest, json_each(latest.value, '$.depends') AS d;
CREATE TEMP VIEW differs AS
  SELECT * FROM (SELECT * FROM tags EXCEPT SELECT * FROM expected_tags) UNION ALL
  SELECT * FROM (SELECT * FROM expected_tags EXCEPT SELECT * FROM tags) UNION ALL
  SELECT * FROM (SELECT * FROM dependents EXCEPT SELECT * FROM expected_dependents) UNION ALL
  SELECT * FROM (SELECT * FROM expected_dependents EXCEPT SELECT * FROM dependents);

.print == loaded in transactions of 1,000
INSERT INTO packages(key, value) SELECT doc ->> '$.key', doc -> '$.value' FROM input WHERE rowid <= 1000;
INSERT INTO packages(key, value) SELECT doc ->> '$.key', doc -> '$.value' FROM input
  WHERE rowid BETWEEN 1001 AND 2000;
INSERT INTO packages(key, value) SELECT doc ->> '$.key', doc -> '$.value' FROM input WHERE rowid > 2000;
INSERT INTO latest SELECT key, value, seq FROM packages;
SELECT sv_wait(sv_seq());
SELECT * FROM differs LIMIT 10;
SELECT (SELECT count(*) FROM tags), (SELECT count(*) FROM expected_tags);
SELECT (SELECT count(*) FROM dependents), (SELECT count(*) FROM expected_dependents);

.print == every key, one by one
SELECT count(*) FROM (SELECT DISTINCT key FROM expected_tags) AS k
  WHERE (SELECT group_concat(doc_id) FROM tags WHERE tags.key = k.key)
     IS (SELECT group_concat(doc_id) FROM (SELECT doc_id FROM expected_tags AS e WHERE e.key = k.key
                                           ORDER BY doc_id));
SELECT count(DISTINCT key) FROM expected_tags;

.print == 200 updates, each read at once
-- Each takes all tags from a package and gives it one of its own; seen is how often a read was right.
CREATE TEMP TABLE seen(right);
.once updates.sql
SELECT printf('INSERT INTO packages(key, value) SELECT key, json_set(value, ''$.tags'', json_array(''new::%d''))'
  || ' FROM latest WHERE key = %Q;'
  || 'INSERT INTO seen SELECT group_concat(doc_id || seq) IS %Q || sv_seq() FROM tags WHERE key = ''new::%d'';',
  n, key, key, n)
  FROM (SELECT key, row_number() OVER (ORDER BY key) AS n FROM latest) WHERE n % 15 = 1;
.read updates.sql
SELECT count(*), sum(right) FROM seen;
INSERT OR REPLACE INTO latest SELECT key, value, seq FROM packages WHERE seq > 3000;
SELECT * FROM differs LIMIT 10;

.print == deletions
INSERT INTO packages(key, value) SELECT key, NULL FROM latest WHERE key LIKE 'pkg/lib%';
DELETE FROM latest WHERE key LIKE 'pkg/lib%';
SELECT * FROM differs LIMIT 10;

.print == in another connection, and rebuilt
.open test.db
.load ./streamview
INSERT INTO tags(tags) VALUES ('rebuild');
INSERT INTO dependents(dependents) VALUES ('rebuild');
SELECT count(*) FROM (SELECT * FROM tags EXCEPT SELECT * FROM expected_tags);
SELECT (SELECT count(*) FROM tags) = (SELECT count(*) FROM expected_tags),
       (SELECT count(*) FROM dependents) = (SELECT count(*) FROM expected_dependents);
