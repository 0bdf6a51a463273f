import assert from 'node:assert/strict';
import { appendFile, mkdtempDisposable, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { punchHole } from '@lade/linux';
import { ContainerLogs } from './container-logs.ts';
import { openLogs } from './open-logs.ts';
import type { Output } from './ports.ts';

const { signal } = new AbortController();
const MAX_BYTES = 1 << 20;

async function openFolder(): Promise<{ readonly logs: ContainerLogs } & AsyncDisposable> {
  const folder = await mkdtempDisposable(join(tmpdir(), 'lade-logs-'));
  const logs = new ContainerLogs(folder.path, punchHole, MAX_BYTES);
  return { logs, [Symbol.asyncDispose]: async () => folder.remove() };
}

async function textOf(outputs: AsyncIterable<Output>): Promise<string> {
  let text = '';
  for await (const { stream, bytes } of outputs)
    text += (stream === 'stderr' ? '!' : '') + Buffer.from(bytes).toString();
  return text;
}

test('logs are read to their end, from their last lines on, and followed until all is written', async () => {
  await using folder = await openFolder();
  const { logs } = folder;
  const { stdout = '', stderr = '' } = await logs.create('n', 'c', { apart: true });
  await writeFile(stdout, 'one\ntwo\nthree');
  await writeFile(stderr, 'bad\n');
  const read = async (tail?: number): Promise<string> => {
    await using open = await openLogs(await logs.files('n', 'c'), tail);
    return await textOf(open.read({ signal }));
  };
  assert.equal(await read(), '!bad\none\ntwo\nthree');
  assert.equal(await read(1), '!bad\nthree');
  assert.equal(await read(2), '!bad\ntwo\nthree');
  assert.equal(await read(9), '!bad\none\ntwo\nthree');
  assert.equal(await read(0), '');
  await using open = await openLogs(await logs.files('n', 'c'), 1);
  await logs.remove('n', 'c');
  assert.deepEqual(await logs.files('n', 'c'), []);
  const { promise: until, resolve } = Promise.withResolvers<void>();
  const following = textOf(open.read({ signal, until }));
  resolve();
  assert.equal(await following, '!bad\nthree');
});

test('a follower hears of what comes, and leaves when its client does', async () => {
  await using folder = await openFolder();
  const { stdout = '', stderr } = await folder.logs.create('n', 'c', { apart: false });
  assert.equal(stdout, stderr);
  await using open = await openLogs(await folder.logs.files('n', 'c'));
  const stop = new AbortController();
  const output = open.read({ signal: stop.signal, until: new Promise(() => {}) });
  for (const line of ['a\n', 'b\n']) {
    const next = output.next();
    await appendFile(stdout, line);
    const { value } = (await next) as { value: Output };
    assert.equal(Buffer.from(value.bytes).toString(), line);
  }
  const last = output.next();
  stop.abort();
  await assert.rejects(last, { name: 'AbortError' });
});

test('of a log without end the last part stays, from the start of a line on', async () => {
  await using folder = await openFolder();
  const { stdout = '' } = await folder.logs.create('n', 'c', { apart: false });
  const line = `${'x'.repeat(1023)}\n`;
  await writeFile(stdout, line.repeat(2 << 10));
  await appendFile(stdout, 'end\n');
  await folder.logs.trim();
  const { size, blocks } = await stat(stdout);
  assert.equal(size, (2 << 20) + 4);
  assert.ok(blocks * 512 <= MAX_BYTES + 8192, `${blocks * 512}`);
  await using open = await openLogs(await folder.logs.files('n', 'c'));
  const text = await textOf(open.read({ signal }));
  assert.ok(text.length > MAX_BYTES - 2048 && text.length <= MAX_BYTES, `${text.length}`);
  assert.ok(text.startsWith('xxx') && text.endsWith('\nend\n') && !text.includes('\0'));
});
