// PouchDB and flumedb, measured as bench/versus.cc measures streamview and SQLite.
//
//   node peers.js <documents.jsonl> [<count> [<rounds> [<contestant>...]]]
//
// Every contestant (`pouchdb`, `flumedb`) holds `count` documents (default: 10,000) under their
// keys, and two indexes: one row per tag, and one by the numeric field installed_size. Each round
// runs each in a process of its own, on a new database under $TMPDIR; rounds alternate who goes
// first. Prints one line `contestant metric value` for the median of each figure. Asserted is only
// that the answers are right.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeWorkload } from './workload.js';

const DOCUMENTS_PER_TRANSACTION = 1000;
const ONE_ROUND = '--one-round';

const now = () => performance.now() / 1000;

function expect(what, found, expected) {
  if (found !== expected) throw new Error(`${what}: ${found}, and not ${expected}`);
}

// The number at the fraction `at` of the sorted numbers.
function percentile(numbers, at) {
  return numbers.sort((a, b) => a - b)[Math.floor(at * (numbers.length - 1))];
}

// The most memory that this process has had at a time.
function peakMegabytes() {
  return readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s*(\d+)/)[1] / 1024;
}

function diskMegabytes(directory) {
  return readdirSync(directory, { withFileTypes: true }).reduce((total, entry) => {
    const path = join(directory, entry.name);
    return total + (entry.isDirectory() ? diskMegabytes(path) : statSync(path).size / 2 ** 20);
  }, 0);
}

// --- one round of one contestant

async function inTransactions(documents, write) {
  for (let i = 0; i < documents.length; i += DOCUMENTS_PER_TRANSACTION) {
    await write(documents.slice(i, i + DOCUMENTS_PER_TRANSACTION));
  }
}

async function measurePuts(contestant, { documents, updates }, metrics) {
  let start = now();
  await inTransactions(documents, (some) => contestant.insertAll(some));
  metrics.insert_acknowledged = documents.length / (now() - start);
  await contestant.awaitIndexes();
  metrics.insert_complete = documents.length / (now() - start);
  start = now();
  await inTransactions(updates, (some) => contestant.replaceAll(some));
  await contestant.awaitIndexes();
  metrics.update_complete = updates.length / (now() - start);
}

// Asks `query` for each of the values, twice; the times, in microseconds, are of the second pass.
async function measureQuery(metrics, name, values, query, expectedRows) {
  let times, rows;
  for (let pass = 0; pass < 2; pass++) {
    times = [];
    rows = 0;
    for (const value of values) {
      const start = now();
      rows += await query(value);
      times.push((now() - start) * 1e6);
    }
    expect(`rows of ${name}`, rows, expectedRows);
  }
  metrics[`${name}_p50`] = percentile(times, 0.5);
  metrics[`${name}_p99`] = percentile(times, 0.99);
}

async function measureReadYourWrites(contestant, { puts, putTags }, metrics) {
  const times = [];
  for (const [i, document] of puts.entries()) {
    const start = now();
    await contestant.replace(document);
    const found = await contestant.lookup(putTags[i]);
    times.push((now() - start) * 1e6);
    expect(`documents found by ${putTags[i]}`, found, 1);
  }
  metrics.put_read_p50 = percentile(times, 0.5);
  metrics.put_read_p99 = percentile(times, 0.99);
}

async function measureRebuild(contestant, { tags, lookupRows }, metrics) {
  const start = now();
  await contestant.rebuildTags();
  metrics.rebuild_seconds = now() - start;
  let rows = 0;
  for (const tag of tags) rows += await contestant.lookup(tag);
  expect('rows of look-ups after the rebuild', rows, lookupRows);
}

async function runRound(name, documents, count) {
  const { default: Contestant } = await import(`./${name}_contestant.js`);
  const work = makeWorkload(documents, count);
  const directory = mkdtempSync(join(tmpdir(), 'streamview-bench-'));
  try {
    const metrics = {};
    const before = peakMegabytes();
    const contestant = await Contestant.open(directory);
    await measurePuts(contestant, work, metrics);
    await measureQuery(metrics, 'lookup', work.tags, (tag) => contestant.lookup(tag),
      work.lookupRows);
    await measureQuery(metrics, 'range', work.sizes, (size) => contestant.range(size),
      work.rangeRows);
    await measureReadYourWrites(contestant, work, metrics);
    await measureRebuild(contestant, work, metrics);
    metrics.peak_megabytes = peakMegabytes() - before;
    await contestant.close();
    metrics.disk_megabytes = diskMegabytes(directory);
    return metrics;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

// In a process of its own, for its memory to be its own.
function runInChild(name, documents, count) {
  const { status, stdout } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), ONE_ROUND, name, documents, count],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (status !== 0) throw new Error(`a round of ${name} failed`);
  return JSON.parse(stdout);
}

// --- all rounds

function run(documents, count, rounds, contestants) {
  const results = new Map(contestants.map((name) => [name, {}]));
  for (let i = 0; i < rounds; i++) {
    for (const name of contestants) {
      for (const [metric, value] of Object.entries(runInChild(name, documents, count))) {
        (results.get(name)[metric] ??= []).push(value);
      }
    }
    contestants.reverse();
  }
  console.log(`# ${count} documents, ${rounds} rounds`);
  for (const [name, metrics] of results) {
    for (const [metric, values] of Object.entries(metrics)) {
      console.log(`${name} ${metric} ${Number(percentile(values, 0.5).toPrecision(6))}`);
    }
  }
}

const args = process.argv.slice(2);
if (args[0] === ONE_ROUND) {
  const [, name, documents, count] = args;
  console.log(JSON.stringify(await runRound(name, documents, Number(count))));
} else {
  const [documents, count = '10000', rounds = '3', ...contestants] = args;
  if (!documents || !(count >= 1) || !(rounds >= 1)) {
    console.error('usage: node peers.js <documents.jsonl> [<count> [<rounds> [<contestant>...]]]');
    process.exit(2);
  }
  run(documents, Number(count), Number(rounds),
    contestants.length > 0 ? contestants : ['pouchdb', 'flumedb']);
}
