// node:sqlite, of Node 22.13 and later.

import { DatabaseSync } from 'node:sqlite';

import { main } from './scenario.mjs';

await main({
  int64: true,

  open(database, extension) {
    const connection = new DatabaseSync(database, { allowExtension: true });
    connection.loadExtension(extension);
    connection.enableLoadExtension(false);
    connection.exec('PRAGMA busy_timeout = 60000');
    return connection;
  },

  execute(connection, sql, values) {
    const statement = connection.prepare(sql);
    statement.setReadBigInts(true);
    return statement.all(...values).map((row) => Object.values(row).map(
      (value) => value instanceof Uint8Array ? Buffer.from(value) : value));
  },

  close(connection) {
    connection.close();
  },
}, import.meta.url);
