// What the three clients for Node have in common: the scenario, then worker threads with a connection each.
//
// A client is an object of
//   int64                        whether it has integers above 2^53
//   open(database, extension)    a connection (or a promise of one), the extension loaded, with a busy timeout
//   execute(connection, sql, values)   the rows, as arrays of values (or a promise of them); it may throw
//   close(connection)
// Integers are of type BigInt where the client has int64, so that they stay apart from reals; else numbers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

const WORKERS = 4;
const APPENDS = 25;

function parseLiteral(text, int64) {
  if (text === 'NULL') return null;
  if (text.startsWith("'")) return text.slice(1, -1);
  if (text.startsWith("X'")) return Buffer.from(text.slice(2, -1), 'hex');
  return text.includes('.') || !int64 ? Number(text) : BigInt(text);
}

function parseScenario(path, int64) {
  const values = (text) => text.split(' | ').map((value) => parseLiteral(value, int64));
  const steps = [];
  readFileSync(path, 'utf8').split('\n').forEach((line, index) => {
    const [, word, text] = /^(\S*) ?(.*)$/.exec(line);
    const step = steps.at(-1);
    if (line.startsWith(' ')) step.sql += '\n' + line;
    else if (word === 'with') step.values = values(text);
    else if (word === 'row') step.rows.push(values(text));
    else if (word === 'error') step.error = text;
    else if (word === 'needs') step.left_out = text === 'int64' && !int64;
    else if (word !== '' && word !== '#') {
      steps.push({ line: index + 1, verb: word, sql: text, values: [], rows: [] });
    }
  });
  return steps.filter((step) => !step.left_out);
}

async function runStatement(client, connection, { line, sql, values, rows, error }) {
  let actual;
  try {
    actual = await client.execute(connection, sql, values);
  } catch (thrown) {
    assert(error && thrown.message.includes(error),
      `line ${line}: ${sql}\nexpected error: ${error}\ngot error: ${thrown.message}`);
    return;
  }
  assert(error === undefined, `line ${line}: ${sql}\nexpected error: ${error}`);
  assert.deepEqual(actual, rows, `line ${line}: ${sql}`);
}

async function runScenario(client, path, extension, database) {
  let connection;
  for (const step of parseScenario(path, client.int64)) {
    switch (step.verb) {
      case 'open': connection = await client.open(database, extension); break;
      case 'close': await client.close(connection); break;
      case 'begin': case 'commit': case 'rollback':
        await client.execute(connection, step.verb, []); break;
      case 'do': case 'query': await runStatement(client, connection, step); break;
      default: assert.fail(`line ${step.line}: unknown step ${step.verb}`);
    }
  }
}

async function count(client, connection, key) {
  const sql = 'SELECT count(*) FROM by_tag WHERE key = ?';
  return Number((await client.execute(connection, sql, [key]))[0][0]);
}

// Appends, and finds each of its appends in the view at once.
async function appendAndRead(client, extension, database, worker) {
  const connection = await client.open(database, extension);
  for (let i = 0; i < APPENDS; ++i) {
    await client.execute(connection,
      "INSERT INTO events(key, value) VALUES (?, json_object('tags', json_array(?, ?)))",
      [`${worker}/${i}`, 'concurrent', worker]);
    assert.equal(await count(client, connection, worker), i + 1, `${worker} sees its own appends`);
  }
  await client.close(connection);
}

async function runWorkers(client, clientUrl, extension, database) {
  const workers = Array.from({ length: WORKERS }, (_, n) => new Promise((resolve, reject) => {
    const worker = new Worker(clientUrl, { workerData: { extension, database, worker: `worker ${n}` } });
    worker.on('error', reject);
    worker.on('exit', (code) => code === 0 ? resolve() : reject(new Error(`worker ${n}: exit ${code}`)));
  }));
  await Promise.all(workers);
  const connection = await client.open(database, extension);
  assert.equal(await count(client, connection, 'concurrent'), WORKERS * APPENDS);
  await client.close(connection);
}

// The main function of a client's own module, of which clientUrl is the import.meta.url: runs the scenario
// and the workers, or in a worker its part.
export async function main(client, clientUrl) {
  if (!isMainThread) {
    const { extension, database, worker } = workerData;
    return appendAndRead(client, extension, database, worker);
  }
  const [scenario, extension, database] = process.argv.slice(2);
  assert(database, 'usage: <client>.mjs <scenario> <extension> <database>');
  await runScenario(client, scenario, extension, database);
  await runWorkers(client, new URL(clientUrl), extension, database);
}
