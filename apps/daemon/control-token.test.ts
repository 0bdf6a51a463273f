import assert from 'node:assert/strict';
import { chmod, mkdtempDisposable, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openToken } from './control-token.ts';

test('openToken() makes a token that only its owner can read, and finds it again', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-token-'));
  const file = join(folder.path, 'control-token');
  const token = await openToken(file);
  assert.match(token.value, /^[\w-]{43}$/);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.deepEqual(await openToken(file), token);
  assert.deepEqual(await readdir(folder.path), ['control-token']);
});

test('openToken() refuses what others can read and what is no token, and never says what it read', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'lade-token-'));
  const file = join(folder.path, 't');
  for (const text of ['', 'short', `${'x'.repeat(32)} y`]) {
    await writeFile(file, text, { mode: 0o600 });
    await assert.rejects(openToken(file), (error: Error) => {
      assert.match(error.message, /^Cannot use the control API’s token in .*: it holds no token/);
      assert.ok(text === '' || !error.message.includes(text));
      return true;
    });
  }
  await writeFile(file, 'x'.repeat(32));
  await chmod(file, 0o640);
  await assert.rejects(openToken(file), { code: 'failed_precondition', cure: `chmod 600 ${file}` });
  await assert.rejects(openToken(join(folder.path, 'none', 't')), { code: 'not_found' });
});
