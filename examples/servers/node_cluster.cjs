// Notes by author, with Node's cluster and node-sqlite3.
//
//   DATABASE=app.db PORT=8000 node node_cluster.cjs
const cluster = require('node:cluster');
const http = require('node:http');
const { promisify } = require('node:util');
const sqlite3 = require('sqlite3');

const WORKERS = 2;

async function connect() {
  const db = new sqlite3.Database(process.env.DATABASE);
  db.configure('busyTimeout', 10000);
  const load = promisify(db.loadExtension).bind(db);
  const all = promisify(db.all).bind(db);
  await load(process.env.STREAMVIEW || 'streamview');
  await all("SELECT sv_consistency('latest')");
  return { all, close: () => db.close() };
}

async function notesBy(db, author) {
  const notes = await db.all(
    'SELECT doc_id AS id, value AS text, seq FROM notes_by_author WHERE key = ?', [author]);
  return { pid: process.pid, notes };
}

async function answer(db, request) {
  if (request.method === 'GET') {
    return notesBy(db, new URL(request.url, 'http://localhost').searchParams.get('author'));
  }
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  const note = JSON.parse(body);
  await db.all('INSERT INTO notes(key, value) VALUES (?, ?)', [note.id, body]);
  return notesBy(db, note.author);
}

async function work() {
  const db = await connect();
  const server = http.createServer(async (request, response) => {
    try {
      const result = await answer(db, request);
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(result));
    } catch (error) {
      response.statusCode = 500;
      response.end(`${error}\n`);
    }
  });
  server.listen(process.env.PORT, '127.0.0.1');
  process.on('disconnect', db.close);  // once the last request is answered
}

// Workers are started anew, not forked, so the first process may use the log as well.
if (cluster.isPrimary) {
  for (let n = 0; n < WORKERS; n++) cluster.fork();
  cluster.on('exit', (worker) => { if (!worker.exitedAfterDisconnect) cluster.fork(); });
  process.on('SIGTERM', () => cluster.disconnect());
} else {
  work();
}
