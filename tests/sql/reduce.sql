-- Views with reduce: what the rows under each key add up to, kept while documents come, change and go.

CREATE VIRTUAL TABLE log USING sv_log;
CREATE VIRTUAL TABLE docs USING sv_docs(log = log);
CREATE VIRTUAL TABLE tags USING sv_view(log = log, emit = '$.tags[*]', reduce = 'count');
CREATE VIRTUAL TABLE sales USING sv_view(log = log, keys = 2, reduce = 'stats',
  map = (SELECT value ->> '$.year' AS year, value ->> '$.month' AS month, value ->> '$.price' AS price
         FROM log));
CREATE VIRTUAL TABLE totals USING sv_view(log = log, emit = '$.year', value = '$.price', reduce = 'sum');

INSERT INTO log(key, value) VALUES
  ('a', '{"year":2023,"month":1,"price":10,"tags":["red","big"]}'),
  ('b', '{"year":2023,"month":1,"price":2.5,"tags":["red"]}'),
  ('c', '{"year":2023,"month":2,"price":4,"tags":["big"]}'),
  ('d', '{"year":2024,"month":1,"price":7,"tags":["red","big"]}');

.print == what there is
SELECT * FROM tags;
SELECT * FROM sales;
SELECT * FROM totals;

.print == a key, a range, backwards
SELECT count FROM tags WHERE key = 'red';
SELECT month, sum FROM sales WHERE year = 2023 AND month >= 1 ORDER BY month DESC;
SELECT year, sum(count), sum(sum), min(min), max(max) FROM sales GROUP BY year;
EXPLAIN QUERY PLAN SELECT year, sum(count) FROM sales GROUP BY year;

.print == an update takes out what was there, a delete all
UPDATE docs SET value = json_set(value, '$.price', 1, '$.tags', json('["blue"]')) WHERE key = 'a';
DELETE FROM docs WHERE key = 'd';
SELECT * FROM tags;
SELECT * FROM sales;
SELECT * FROM totals;

.print == within a transaction, and rolled back
BEGIN;
INSERT INTO log(key, value) VALUES ('c', '{"year":2023,"month":1,"price":100,"tags":["red"]}');
SELECT * FROM tags;
SELECT * FROM sales;
ROLLBACK;
SELECT * FROM sales;

.print == sums are exact
INSERT INTO log(key, value) VALUES ('x1', '{"year":1,"price":1e100}'), ('x2', '{"year":1,"price":0.1}'),
  ('x3', '{"year":1,"price":0.2}');
DELETE FROM docs WHERE key = 'x1';
SELECT key, sum, sum = 0.1 + 0.2 FROM totals WHERE key = 1;

.print == what is no number is an error of its document
INSERT INTO log(key, value) VALUES ('e', '{"year":2024,"month":1,"price":"a lot"}');
SELECT * FROM totals;
SELECT sv_wait(sv_seq());
SELECT view, doc_id, message FROM sv_errors ORDER BY view, seq;
UPDATE docs SET value = json_set(value, '$.price', 9) WHERE key = 'e';
SELECT * FROM totals;
SELECT sv_wait(sv_seq());
SELECT count(*) FROM sv_errors;

.print == rebuilt, compacted, checked
INSERT INTO sales(sales) VALUES ('rebuild');
INSERT INTO sales(sales) VALUES ('optimize');
INSERT INTO sales(sales) VALUES ('integrity-check');
INSERT INTO totals(totals) VALUES ('integrity-check');
SELECT * FROM sales;

.print == what does not fit
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.year', reduce = 'mean');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, emit = '$.year', reduce = 'sum');
CREATE VIRTUAL TABLE bad USING sv_view(log = log, reduce = 'count',
  map = (SELECT value ->> '$.year' AS year, value ->> '$.month' AS month FROM log));
CREATE VIRTUAL TABLE bad USING sv_view(log = log, reduce = 'sum',
  map = (SELECT value ->> '$.year' AS sum, value ->> '$.price' AS price FROM log));
