// flumedb: a log of documents (flumelog-offset), and indexes on it (flumeview-level).
//
// Its indexes keep the rows of what has been superseded. A third one therefore leads from each key
// to its latest entry, and readers skip the rows of any other.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Flume from 'flumedb';
import OffsetLog from 'flumelog-offset';
import LevelView from 'flumeview-level';
import pull from 'pull-stream';

const CODEC = {
  encode: (document) => JSON.stringify(document),
  decode: (bytes) => JSON.parse(bytes),
};
const MAPS = {
  tags: ({ key, value }) => value.tags.map((tag) => [tag, key]),
  sizes: ({ key, value }) => [[value.installed_size, key]],
  latest: ({ key }) => [key],
};

export default class FlumedbContestant {
  #directory;
  #db;

  static async open(directory) {
    const contestant = new FlumedbContestant();
    contestant.#directory = directory;
    contestant.#open();
    return contestant;
  }

  insertAll(documents) {
    return promisify(this.#db.append)(documents);
  }

  replaceAll(documents) {
    return this.insertAll(documents);
  }

  async awaitIndexes() {
    for (const view of Object.values(this.#db.views)) {
      await new Promise((resolve) => view.ready(resolve));
    }
  }

  replace(document) {
    return promisify(this.#db.append)(document);
  }

  lookup(tag) {
    return this.#countLatest(this.#db.tags, { gte: [tag, null], lte: [tag, undefined] }, 10);
  }

  range(size) {
    const bounds = { gte: [size, null], lte: [size + 100, undefined] };
    return this.#countLatest(this.#db.sizes, bounds, 20);
  }

  // As a view that is not there is built by opening.
  async rebuildTags() {
    await this.close();
    rmSync(join(this.#directory, 'tags'), { recursive: true });
    this.#open();
    await this.awaitIndexes();
  }

  close() {
    return promisify(this.#db.close)();
  }

  #open() {
    this.#db = Flume(OffsetLog(join(this.#directory, 'log'), { codec: CODEC }));
    for (const [name, map] of Object.entries(MAPS)) this.#db.use(name, LevelView(1, map));
  }

  // The number of rows within the bounds that are of the latest entry of their key, up to `limit`.
  #countLatest(view, bounds, limit) {
    const isLatest = ({ key: [, documentKey], seq }, callback) => {
      this.#db.latest.get(documentKey, (error, _, latest) => callback(error, latest === seq));
    };
    return new Promise((resolve, reject) => {
      pull(
        view.read({ ...bounds, values: false }),
        pull.asyncMap(isLatest),
        pull.filter(Boolean),
        pull.take(limit),
        pull.collect((error, rows) => (error ? reject(error) : resolve(rows.length))),
      );
    });
  }
}
