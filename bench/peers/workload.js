// What all contestants do, chosen once: as in bench/versus.cc.

import { readFileSync } from 'node:fs';

const QUERIES = 4000;

// Numbers from 0 to below `bound`, the same in each run (the generator is mulberry32).
function newRandom(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

function shuffle(values, random) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [values[i], values[j]] = [values[j], values[i]];
  }
  return values;
}

function changed({ key, value }, tag) {
  const installed_size = value.installed_size + 1;
  return { key, value: { ...value, installed_size, tags: [...value.tags, tag] } };
}

function countTags(documents) {
  const counts = new Map();
  for (const { value } of documents) {
    for (const tag of value.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  }
  return counts;
}

// How many rows the look-ups and the ranges have once the updates are in.
function expectRows({ documents, updates, tags, sizes }) {
  const latest = new Map([...documents, ...updates].map(({ key, value }) => [key, value]));
  const counts = countTags(documents);  // updates keep the tags that are looked up
  const documentsOfSize = [];
  for (const { installed_size: size } of latest.values()) {
    documentsOfSize[size] = (documentsOfSize[size] ?? 0) + 1;
  }
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const inRange = (size) => sum(documentsOfSize.slice(size, size + 101).filter(Boolean));
  return {
    lookupRows: sum(tags.map((tag) => Math.min(10, counts.get(tag) ?? 0))),
    rangeRows: sum(sizes.map((size) => Math.min(20, inRange(size)))),
  };
}

// documents    `count` of those of the file, again and again under other keys, shuffled
// updates      of a tenth of them, each of another
// puts         of any, each with a tag of its own: that of the same place in putTags
// tags, sizes  to look up, and to begin ranges at
// lookupRows, rangeRows  what these find after the updates, at most 10 and 20 for each
export function makeWorkload(path, count) {
  const originals = readFileSync(path, 'utf8').split('\n').filter(Boolean)
    .map((line) => JSON.parse(line));
  const random = newRandom(7);
  const any = (values) => values[random(values.length)];
  const documents = shuffle(Array.from({ length: count }, (_, i) => {
    const { key, value } = originals[i % originals.length];
    return { key: `${key}/${Math.floor(i / originals.length)}`, value };
  }), random);
  const updates = shuffle([...documents], random).slice(0, count / 10)
    .map((document) => changed(document, 'updated::yes'));
  const putTags = Array.from({ length: QUERIES }, (_, i) => `put::${i}`);
  const puts = putTags.map((tag) => changed(any(documents), tag));

  const frequent = [...countTags(originals)].filter(([, times]) => times >= 20)
    .map(([tag]) => tag);
  if (frequent.length === 0) throw new Error(`${path}: no tag is used often enough`);
  const tags = putTags.map(() => any(frequent));
  const sizes = putTags.map(() => random(5000));
  const work = { documents, updates, puts, putTags, tags, sizes };
  return { ...work, ...expectRows(work) };
}
