// better-sqlite3, from npm.

import Database from 'better-sqlite3';

import { main } from './scenario.mjs';

await main({
  int64: true,

  open(database, extension) {
    const connection = new Database(database, { timeout: 60000 });
    connection.loadExtension(extension);
    return connection.defaultSafeIntegers();
  },

  execute(connection, sql, values) {
    const statement = connection.prepare(sql);
    if (statement.reader) return statement.raw().all(...values);
    statement.run(...values);
    return [];
  },

  close(connection) {
    connection.close();
  },
}, import.meta.url);
