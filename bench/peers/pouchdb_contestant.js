// PouchDB on LevelDB: documents under their keys, and two persistent map views.

import { join } from 'node:path';
import PouchDB from 'pouchdb';

const MAPS = {
  tags: 'function (doc) { doc.tags.forEach(function (tag) { emit(tag); }); }',
  sizes: 'function (doc) { emit(doc.installed_size); }',
};

// PouchDB refuses to replace what it is not told the revision of.
function newRevision({ key, value }, revision) {
  return { ...value, _id: key, _rev: revision };
}

export default class PouchdbContestant {
  #db;

  static async open(directory) {
    const contestant = new PouchdbContestant();
    contestant.#db = new PouchDB(join(directory, 'documents'), { adapter: 'leveldb' });
    for (const name of Object.keys(MAPS)) await contestant.#makeView(name);
    return contestant;
  }

  async insertAll(documents) {
    await this.#write(documents.map(({ key, value }) => ({ ...value, _id: key })));
  }

  async replaceAll(documents) {
    const { rows } = await this.#db.allDocs({ keys: documents.map(({ key }) => key) });
    await this.#write(documents.map((document, i) => newRevision(document, rows[i].value.rev)));
  }

  async awaitIndexes() {
    for (const name of Object.keys(MAPS)) await this.#db.query(name, { limit: 1 });
  }

  async replace(document) {
    const { _rev: revision } = await this.#db.get(document.key);
    await this.#db.put(newRevision(document, revision));
  }

  async lookup(tag) {
    return (await this.#db.query('tags', { key: tag, limit: 10 })).rows.length;
  }

  async range(size) {
    const query = { startkey: size, endkey: size + 100, limit: 20 };
    return (await this.#db.query('sizes', query)).rows.length;
  }

  async rebuildTags() {
    await this.#db.remove(await this.#db.get('_design/tags'));
    await this.#db.viewCleanup();
    await this.#makeView('tags');
    await this.awaitIndexes();
  }

  async close() {
    await this.#db.close();
  }

  async #makeView(name) {
    await this.#db.put({ _id: `_design/${name}`, views: { [name]: { map: MAPS[name] } } });
  }

  async #write(revisions) {
    const failed = (await this.#db.bulkDocs(revisions)).find(({ error }) => error);
    if (failed) throw new Error(`${failed.id}: ${failed.message}`);
  }
}
