#!/bin/sh
# A job for cron: one short-lived process that appends to the log and reads the view.
set -eu

sqlite3 -batch -bail "$DATABASE" <<SQL
.timeout 10000
.load ${STREAMVIEW:-streamview}
INSERT INTO notes(key, value)
  VALUES (NULL, json_object('author', 'cron', 'text', datetime()));
SELECT 'appended ' || value FROM notes_by_author WHERE key = 'cron' AND seq = sv_seq();
SQL
