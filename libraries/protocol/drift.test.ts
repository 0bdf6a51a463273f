import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempDisposable, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const GENERATE = join(import.meta.dirname, '../../proto/generate.sh');

test('generated code is what the definitions in proto/ give today', async () => {
  await using fresh = await mkdtempDisposable(join(tmpdir(), 'lade-protocol-'));
  await promisify(execFile)('sh', [GENERATE, fresh.path]);
  const [committed, expected] = await Promise.all([
    readTree(join(import.meta.dirname, 'generated')),
    readTree(join(fresh.path, 'generated')),
  ]);
  assert.ok(expected.size > 20);
  assert.deepEqual(committed, expected, 'run: npm run generate');
});

async function readTree(root: string): Promise<Map<string, string>> {
  const names = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.ts')).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(root, name), 'utf8')] as [string, string]),
    ),
  );
}
