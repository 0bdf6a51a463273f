import assert from 'node:assert/strict';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { migrate, openDatabase, transaction } from './index.ts';

const STEPS = [
  'CREATE TABLE things (name TEXT PRIMARY KEY) STRICT',
  'ALTER TABLE things ADD COLUMN size INTEGER',
];

test('migrate() runs only the steps that are missing and refuses a newer file', () => {
  const db = openDatabase(':memory:');
  migrate(db, 'things', STEPS.slice(0, 1));
  db.exec("INSERT INTO things VALUES ('a')");
  migrate(db, 'things', STEPS);
  assert.deepEqual({ ...db.prepare('SELECT * FROM things').get() }, { name: 'a', size: null });
  assert.throws(
    () => migrate(db, 'things', []),
    (e) => isCodedError(e, 'failed_precondition'),
  );
});

test('transaction() undoes everything on a throw, nested calls included', () => {
  const db = openDatabase(':memory:');
  migrate(db, 'things', STEPS);
  assert.throws(() =>
    transaction(db, () => {
      transaction(db, () => db.exec("INSERT INTO things VALUES ('a', 1)"));
      throw new Error('no');
    }),
  );
  assert.equal(db.prepare('SELECT count(*) AS n FROM things').get()?.['n'], 0);
});

test('openDatabase() names a damaged file and the cure', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-sqlite-'));
  const path = join(folder.path, 'state.db');
  writeFileSync(path, Buffer.alloc(8192, 7));
  assert.throws(
    () => openDatabase(path),
    (e) => isCodedError(e, 'data_loss') && e.message.includes(path) && e.cure !== undefined,
  );
});

test('transaction() says when the disk is full or the file read-only, and leaves the database usable', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'lade-sqlite-'));
  const path = join(folder.path, 'state.db');
  const db = openDatabase(path);
  migrate(db, 'things', STEPS);
  const insert = (name: string): void =>
    transaction(db, () => void db.prepare('INSERT INTO things VALUES (?, 1)').run(name));
  db.exec('PRAGMA max_page_count = 1');
  assert.throws(
    () => insert('x'.repeat(100_000)),
    (e) => isCodedError(e, 'resource_exhausted') && e.message.includes(path) && e.cure !== undefined,
  );
  db.exec('PRAGMA max_page_count = 1000; PRAGMA query_only = 1');
  assert.throws(
    () => insert('a'),
    (e) => isCodedError(e, 'permission_denied') && e.message.includes(path) && e.cure !== undefined,
  );
  db.exec('PRAGMA query_only = 0');
  insert('a');
  db.close();
});
