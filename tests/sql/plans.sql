-- What SQLite asks of the tables (ext/plan_text.h says how it is written; ext/view_plan.cc,
-- ext/docs_table.cc and ext/log_table.cc what is used) and where it sorts by itself.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE v USING sv_view(log = log, emit = '$.t[*]', value = '$.n');
CREATE VIRTUAL TABLE v2 USING sv_view(log = log, keys = 2,
  map = (SELECT log.value ->> '$.a' AS a, log.value ->> '$.b' AS b, log.key AS name FROM log));
.eqp on

.print == a point, a range
SELECT 0 FROM v WHERE key = 'x';
SELECT 0 FROM v WHERE key IS 'x';
SELECT 0 FROM v WHERE key > 'x';
SELECT 0 FROM v WHERE key >= 'x';
SELECT 0 FROM v WHERE key < 'x';
SELECT 0 FROM v WHERE key <= 'x';
SELECT 0 FROM v WHERE key > 'x' AND key <= 'y';
SELECT 0 FROM v WHERE key BETWEEN 1 AND 2;
SELECT 0 FROM v WHERE key IN ('x', 'y');

.print == a prefix
SELECT 0 FROM v WHERE key GLOB 'x*';
SELECT 0 FROM v WHERE key GLOB '1*';
SELECT 0 FROM v WHERE key LIKE 'x%';
SELECT 0 FROM v WHERE key GLOB 'x*' ORDER BY key DESC;

.print == a list in order
SELECT 0 FROM v WHERE key IN ('x', 'y') ORDER BY key;

.print == a document under a key
SELECT 0 FROM v WHERE key = 'x' AND doc_id = 'd';
SELECT 0 FROM v WHERE key = 'x' AND doc_id > 'd';
SELECT 0 FROM v WHERE doc_id = 'd';

.print == order
SELECT 0 FROM v ORDER BY key;
SELECT 0 FROM v ORDER BY key DESC;
SELECT 0 FROM v ORDER BY key, doc_id;
SELECT 0 FROM v ORDER BY key DESC, doc_id DESC;
SELECT 0 FROM v WHERE key = 'x' ORDER BY doc_id;
SELECT 0 FROM v WHERE key = 'x' ORDER BY doc_id DESC;
SELECT 0 FROM v WHERE key > 'x' ORDER BY key DESC;
SELECT key, count(*) FROM v GROUP BY key;
SELECT DISTINCT key FROM v;

.print == sorted by SQLite
SELECT 0 FROM v ORDER BY key, doc_id DESC;
SELECT 0 FROM v ORDER BY value;
SELECT 0 FROM v ORDER BY doc_id;
SELECT 0 FROM v ORDER BY key COLLATE NOCASE;

.print == filtered by SQLite
SELECT 0 FROM v WHERE value = 1;
SELECT 0 FROM v WHERE key = 'X' COLLATE NOCASE;
SELECT 0 FROM v WHERE key LIKE 'x%' ESCAPE '\';

.print == two key columns
SELECT 0 FROM v2 WHERE a = 1;
SELECT 0 FROM v2 WHERE a = 1 AND b = 2;
SELECT 0 FROM v2 WHERE b = 2 AND a = 1 AND doc_id = 'd';
SELECT 0 FROM v2 WHERE a = 1 AND b > 2 AND b < 9;
SELECT 0 FROM v2 WHERE a > 1 AND b = 2;
SELECT 0 FROM v2 WHERE b = 2;
SELECT 0 FROM v2 WHERE a = 1 ORDER BY b DESC;
SELECT 0 FROM v2 ORDER BY a, b;
SELECT 0 FROM v2 ORDER BY a DESC, b;

.print == a join looks up
SELECT 0 FROM v AS left JOIN v AS right ON right.key = left.value;

.print == a prefix beside a join, and as its condition
CREATE TABLE u(x);
SELECT 0 FROM v LEFT JOIN u ON x = v.value WHERE v.key GLOB 'x*';
SELECT 0 FROM v LEFT JOIN u ON x = v.value WHERE v.key LIKE 'x%';
SELECT 0 FROM u LEFT JOIN v ON v.key LIKE 'x%';
SELECT 0 FROM u JOIN v ON v.key GLOB u.x || '*';

.print == names that need quotes
CREATE VIRTUAL TABLE named USING sv_view(log = log, keys = 2,
  map = (SELECT log.key AS "a b", log.seq AS "=?" FROM log));
SELECT 0 FROM named WHERE "a b" = 1 AND "=?" > 2;

.print == documents
CREATE VIRTUAL TABLE docs USING sv_docs(log = log);
SELECT 0 FROM docs WHERE key = 'x';
SELECT value FROM docs WHERE key = 'x';
SELECT time FROM docs;
SELECT doc FROM v WHERE key = 'x';
SELECT 0 FROM docs WHERE key > 'x' ORDER BY key DESC;
SELECT 0 FROM docs WHERE key GLOB 'x*';
SELECT 0 FROM docs WHERE key = 'x' AND as_of = 0;
SELECT 0 FROM docs WHERE as_of = 0;
UPDATE docs SET value = 1 WHERE key = 'x' AND seq = 5;
SELECT 0 FROM docs WHERE seq = 5;
SELECT 0 FROM docs WHERE rowid = 5;
SELECT 0 FROM docs WHERE as_of = 0 AND seq = 5;
SELECT 0 FROM docs WHERE seq > 5;
SELECT 0 FROM log JOIN docs ON docs.seq = log.seq WHERE log.seq > 5;
SELECT min(key) FROM docs;
SELECT 0 FROM v JOIN docs ON docs.key = v.doc_id WHERE v.key = 'x';
SELECT 0 FROM sv_history('log', 'x') ORDER BY seq DESC;

.print == the log
SELECT 0 FROM log WHERE seq = 1;
SELECT 0 FROM log WHERE rowid = 1;
SELECT 0 FROM log WHERE seq > 1;
SELECT 0 FROM log WHERE seq BETWEEN 1 AND 2;
SELECT 0 FROM log ORDER BY seq;
SELECT 0 FROM log ORDER BY seq DESC LIMIT 1;
SELECT min(seq) FROM log;
SELECT max(seq) FROM log WHERE seq < 9;
SELECT 0 FROM log WHERE key = 'd';
SELECT 0 FROM log ORDER BY time;

.print == tables that are read in one way
EXPLAIN QUERY PLAN SELECT 0 FROM sv_tail('log', 0);
SELECT 0 FROM sv_tail('log', 0, 0);
EXPLAIN QUERY PLAN SELECT 0 FROM sv_status;
SELECT 0 FROM sv_errors;
