-- A view keeps its keys as an ordinary table under BINARY collation would: every value of `sample`
-- is the key of a row in a view and of a row in an ordinary table, and both must give the same rows
-- in the same order, whatever is asked. Each query prints a heading and then only what differs.

CREATE TABLE sample(value);  -- no affinity: values stay what they are
INSERT INTO sample VALUES
  (NULL), (0), (0.0), (-0.0), (1), (1.0), (-1), (-1.0), (1.5), (-1.5), (0.1), (2), (10), (-10),
  (127), (128), (255), (256), (-128), (-129), (-256), (65535), (65536), (-65536),
  (4294967295), (4294967296), (-4294967296), (2147483648.5),
  (9007199254740991), (9007199254740992), (9007199254740993), (9007199254740992.0),
  (-9007199254740993), (-9007199254740992.0), (9007199254740994.0),
  (9223372036854775807), (9223372036854775806), (9223372036854774784), (9223372036854774784.0),
  (9223372036854775808.0), (-9223372036854775808), (-9223372036854775807),
  (-9223372036854775808.0), (-9223372036854777856.0),
  (1e308), (-1e308), (9e999), (-9e999), (5e-324), (-5e-324), (2.2250738585072014e-308),
  (1e100), (1e-100), (1e15), (1e16), (123456789.125),
  (''), ('a'), ('A'), ('b'), ('ab'), ('a b'), ('aa'), ('z'), ('Z'), ('1'), ('10'), ('2'), (' '),
  ('ä'), ('é'), ('中文'), ('😀'), (char(1)), (char(127)), (char(255)), ('a' || char(1)),
  (CAST(x'00' AS TEXT)), (CAST(x'6100' AS TEXT)), (CAST(x'610061' AS TEXT)), (CAST(x'6100ff' AS TEXT)),
  (CAST(x'ff' AS TEXT)), (CAST(x'fffe' AS TEXT)),
  (x''), (x'00'), (x'0000'), (x'0001'), (x'01'), (x'61'), (x'6162'), (x'7f'), (x'80'),
  (x'ff'), (x'ff00'), (x'ffff'), (x'00ff'), (x'ff01'), (zeroblob(9)), (x'ffffffffffffffffff');

-- The value of each entry is the key of its row; `tie` tells rows with equal keys apart.
CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE by_value USING sv_view(
  log = log, map = (SELECT log.value AS key FROM log));
CREATE TABLE ordinary(key, tie INTEGER);
CREATE INDEX ordinary_key ON ordinary(key, tie);
INSERT INTO log(value) SELECT value FROM sample ORDER BY rowid * 7919 % 1009;
INSERT INTO ordinary SELECT value, seq FROM log;
SELECT count(*) = (SELECT count(*) FROM sample) FROM by_value;

.print == the values keep their types
SELECT seq, quote(by_value.key), quote(ordinary.key)
  FROM by_value JOIN ordinary ON tie = seq
  WHERE typeof(by_value.key) <> typeof(ordinary.key) OR quote(by_value.key) <> quote(ordinary.key);

.print == ORDER BY key
CREATE TEMP TABLE expected(position INTEGER PRIMARY KEY, key, tie);
CREATE TEMP TABLE actual(position INTEGER PRIMARY KEY, key, tie);
INSERT INTO expected(key, tie) SELECT key, tie FROM ordinary ORDER BY key, tie;
INSERT INTO actual(key, tie) SELECT key, seq FROM by_value ORDER BY key;
SELECT position, quote(expected.key), quote(actual.key)
  FROM expected LEFT JOIN actual USING (position) WHERE actual.tie IS NOT expected.tie;

.print == ORDER BY key DESC
DELETE FROM expected;
DELETE FROM actual;
INSERT INTO expected(key, tie) SELECT key, tie FROM ordinary ORDER BY key DESC, tie DESC;
INSERT INTO actual(key, tie) SELECT key, seq FROM by_value ORDER BY key DESC, doc_id DESC;
SELECT position, quote(expected.key), quote(actual.key)
  FROM expected LEFT JOIN actual USING (position) WHERE actual.tie IS NOT expected.tie;

.print == every value, as the bound of a range and as a point
CREATE TEMP TABLE bound(value);
INSERT INTO bound SELECT value FROM sample;
INSERT INTO bound VALUES (3), (2.5), ('m'), ('a' || char(0)), (x'62'), (9223372036854775295), (1e17);

CREATE TEMP VIEW of_view AS
SELECT value,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key = value ORDER BY key)) AS eq,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key IS value ORDER BY key)) AS same,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key < value ORDER BY key)) AS lt,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key <= value ORDER BY key)) AS le,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key > value ORDER BY key)) AS gt,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key >= value ORDER BY key)) AS ge,
  (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key > value AND key < 'b'
                                  ORDER BY key DESC, doc_id DESC)) AS inside
FROM bound;
CREATE TEMP VIEW of_table AS
SELECT value,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key = value ORDER BY key, tie)) AS eq,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key IS value ORDER BY key, tie)) AS same,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key < value ORDER BY key, tie)) AS lt,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key <= value ORDER BY key, tie)) AS le,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key > value ORDER BY key, tie)) AS gt,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key >= value ORDER BY key, tie)) AS ge,
  (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key > value AND key < 'b'
                                  ORDER BY key DESC, tie DESC)) AS inside
FROM bound;
SELECT quote(v.value), v.eq IS t.eq, v.same IS t.same, v.lt IS t.lt, v.le IS t.le, v.gt IS t.gt,
       v.ge IS t.ge, v.inside IS t.inside
  FROM (SELECT row_number() OVER () AS n, * FROM of_view) AS v
  JOIN (SELECT row_number() OVER () AS n, * FROM of_table) AS t USING (n)
  WHERE NOT (v.eq IS t.eq AND v.same IS t.same AND v.lt IS t.lt AND v.le IS t.le AND v.gt IS t.gt
             AND v.ge IS t.ge AND v.inside IS t.inside);

.print == other shapes
SELECT (SELECT group_concat(seq) FROM by_value WHERE key IS NULL)
       IS NOT (SELECT group_concat(tie) FROM ordinary WHERE key IS NULL);
SELECT (SELECT count(*) FROM by_value WHERE key IN (1, 'a', x'00', NULL, 'none', 1.0))
       IS NOT (SELECT count(*) FROM ordinary WHERE key IN (1, 'a', x'00', NULL, 'none', 1.0));
SELECT (SELECT count(*) FROM by_value WHERE key BETWEEN -1 AND 'a')
       IS NOT (SELECT count(*) FROM ordinary WHERE key BETWEEN -1 AND 'a');
SELECT (SELECT count(*) FROM by_value WHERE key = 'A' COLLATE NOCASE)
       IS NOT (SELECT count(*) FROM ordinary WHERE key = 'A' COLLATE NOCASE);
SELECT (SELECT group_concat(key) FROM (SELECT key FROM by_value WHERE typeof(key) = 'text'
                                       ORDER BY key COLLATE NOCASE, seq))
       IS NOT (SELECT group_concat(key) FROM (SELECT key FROM ordinary WHERE typeof(key) = 'text'
                                              ORDER BY key COLLATE NOCASE, tie));
SELECT (SELECT count(DISTINCT key) FROM by_value) IS NOT (SELECT count(DISTINCT key) FROM ordinary);
SELECT (SELECT group_concat(n) FROM (SELECT count(*) AS n FROM by_value GROUP BY key))
       IS NOT (SELECT group_concat(n) FROM (SELECT count(*) AS n FROM ordinary GROUP BY key));
SELECT (SELECT quote(min(key)) || quote(max(key)) FROM by_value)
       IS NOT (SELECT quote(min(key)) || quote(max(key)) FROM ordinary);
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_value WHERE key LIKE 'a%' ORDER BY seq))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary WHERE key LIKE 'a%' ORDER BY tie));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_value ORDER BY key LIMIT 9 OFFSET 30))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM ordinary ORDER BY key, tie LIMIT 9 OFFSET 30));

.print == two key columns
CREATE VIRTUAL TABLE by_pair USING sv_view(
  log = log, keys = 2, map = (SELECT typeof(log.value) AS kind, log.value AS key FROM log));
CREATE TABLE pair AS SELECT typeof(key) AS kind, key, tie FROM ordinary;
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair ORDER BY kind, key, doc_id))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair ORDER BY kind, key, tie));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair
                                       ORDER BY kind DESC, key DESC, doc_id DESC))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair
                                              ORDER BY kind DESC, key DESC, tie DESC));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair ORDER BY kind DESC, key, doc_id))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair ORDER BY kind DESC, key, tie));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair
                                       WHERE kind = 'integer' AND key >= 0 ORDER BY key))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair
                                              WHERE kind = 'integer' AND key >= 0 ORDER BY key, tie));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair
                                       WHERE kind = 'text' AND key < 'b' ORDER BY key DESC, doc_id DESC))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair
                                              WHERE kind = 'text' AND key < 'b' ORDER BY key DESC, tie DESC));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair WHERE kind > 'integer' ORDER BY kind, key))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair WHERE kind > 'integer'
                                              ORDER BY kind, key, tie));
SELECT (SELECT group_concat(seq) FROM (SELECT seq FROM by_pair WHERE key = 1 ORDER BY seq))
       IS NOT (SELECT group_concat(tie) FROM (SELECT tie FROM pair WHERE key = 1 ORDER BY tie));
