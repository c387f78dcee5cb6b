// node-sqlite3: npm's package sqlite3, and Debian's node-sqlite3.

import { createRequire } from 'node:module';

import { main } from './scenario.mjs';

// require() looks into the directories where Debian has its packages, too.
const sqlite3 = createRequire(import.meta.url)('sqlite3');

// What is called with a callback (error, result) as its last argument, as a promise.
function promise(call) {
  return new Promise((resolve, reject) => {
    call((error, result) => error ? reject(error) : resolve(result));
  });
}

await main({
  int64: false,  // all its numbers are JavaScript's

  async open(database, extension) {
    let connection;
    await promise((done) => { connection = new sqlite3.Database(database, done); });
    connection.configure('busyTimeout', 60000);
    await promise((done) => connection.loadExtension(extension, done));
    return connection;
  },

  async execute(connection, sql, values) {
    const rows = await promise((done) => connection.all(sql, values, done));
    return rows.map((row) => Object.values(row));
  },

  async close(connection) {
    await promise((done) => connection.close(done));
  },
}, import.meta.url);
