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
