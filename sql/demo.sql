-- The demo. scripts/demo.sh runs it in the root of the repository: it puts the package index into
-- build/demo/packages.jsonl, writes the files that are read below, and shows every paragraph of
-- plain SQL before what it prints.

.open build/demo/demo.db
.load ./build/streamview
.mode ascii
.separator "\037" "\n"
CREATE TEMP TABLE input(doc TEXT);
.import --schema temp build/demo/packages.jsonl input
.mode box --wrap 80

-- 1. A log: documents are appended, under a key. It lives beside the database, in demo.db-packages/.
CREATE VIRTUAL TABLE packages USING sv_log;

-- 2. Debian's package index, in transactions of 1,000, one document per package:
-- INSERT INTO packages(key, value) VALUES ('pkg/<name>', '<JSON>');

.read build/demo/load.sql

SELECT seq, key, value ->> '$.description' AS description FROM packages LIMIT 3;

-- 3. Indexes, whenever you want them. One by a SELECT over a single row of the log ...
CREATE VIRTUAL TABLE tags USING sv_view(
  log = packages,
  map = (SELECT tag.value AS key, packages.value ->> '$.description' AS description
         FROM packages, json_each(packages.value, '$.tags') AS tag));

-- ... and one by a JSON path: which packages name this one as a dependency?
CREATE VIRTUAL TABLE dependents USING sv_view(
  log = packages, emit = '$.depends[*]', value = '$.section');

-- Both now follow the log in the background. SELECT sv_wait(sv_seq()) returns when they are there:

.read build/demo/wait.sql

-- 4. Asking them. The games of strategy that use SDL:
SELECT a.doc_id, a.description
  FROM tags AS a JOIN tags AS b ON b.key = 'uitoolkit::sdl' AND b.doc_id = a.doc_id
  WHERE a.key = 'game::strategy' LIMIT 5;

-- The packages that most others depend on:
SELECT key AS package, count(*) AS dependents FROM dependents
  GROUP BY key ORDER BY count(*) DESC LIMIT 5;

-- The games among the dependents of libpng:
SELECT doc_id, doc ->> '$.version' AS version, doc ->> '$.installed_size' AS kilobytes
  FROM dependents WHERE key = 'libpng16-16' AND value = 'games' LIMIT 5;

-- 5. Where everything is:
SELECT name, kind, state, seq, head, lag, entries, errors FROM sv_status;

-- 6. A new version of a document is one more append. The next read sees it; nobody had to wait.
INSERT INTO packages(key, value)
  SELECT doc_id, json_insert(doc, '$.tags[#]', 'demo::favourite')
  FROM tags WHERE key = 'game::strategy' AND doc_id = 'pkg/megaglest';
SELECT doc_id, description, seq FROM tags WHERE key = 'demo::favourite';

-- A NULL value deletes the document: no index shows it any more. The log still tells its story.
INSERT INTO packages(key, value) VALUES ('pkg/megaglest', NULL);
SELECT count(*) AS favourites FROM tags WHERE key = 'demo::favourite';
SELECT seq, datetime(time / 1000, 'unixepoch') AS time, value ->> '$.version' AS version
  FROM packages WHERE key = 'pkg/megaglest';

-- 7. Closed and opened again: log and views go on where they were.

.open build/demo/demo.db
.load ./build/streamview

SELECT name, state, seq, head FROM sv_status;
INSERT INTO packages(key, value) VALUES ('pkg/mine', '{"tags":["demo::favourite"],"depends":["libc6"]}');
SELECT doc_id, seq FROM tags WHERE key = 'demo::favourite';
SELECT count(*) AS dependents_of_libc6 FROM dependents WHERE key = 'libc6';
