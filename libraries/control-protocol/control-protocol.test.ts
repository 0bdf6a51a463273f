import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError, isCodedError } from '@lade/errors';
import { fromBytes } from '@lade/streams';
import { decodeLines } from './decode-lines.ts';
import { ControlClient, controlSocketPath, decodeError, encodeError } from './index.ts';

test('controlSocketPath() stays beside the socket of the daemon', () => {
  assert.equal(controlSocketPath('/run/lade/lade.sock'), '/run/lade/lade.control.sock');
  assert.equal(controlSocketPath('/tmp/a.b/lade'), '/tmp/a.b/lade.control');
  assert.equal(controlSocketPath('lade.sock'), 'lade.control.sock');
});

test('an error survives the wire with code, message and cure', () => {
  const error = new CodedError('data_loss', 'Cannot prove layer l', {
    cure: 'Remove it',
    details: { at: 1 },
  });
  const copy = decodeError(JSON.parse(JSON.stringify(encodeError(error))));
  assert.deepEqual([copy.code, copy.message, copy.cure], ['data_loss', 'Cannot prove layer l', 'Remove it']);
  assert.equal(decodeError(undefined).code, 'unknown');
  assert.equal(decodeError({ code: 5 }).code, 'unknown');
});

test('decodeLines() joins what the transport has cut, and refuses what is not an object', async () => {
  const read = async (...parts: string[]): Promise<object[]> =>
    Array.fromAsync(decodeLines(fromBytes(...parts.map((part) => Buffer.from(part)))));
  const bytes = [...Buffer.from('{"a":"ü"}\n{"b":2}\n')].map((byte) => Buffer.from([byte]));
  assert.deepEqual(await Array.fromAsync(decodeLines(fromBytes(...bytes))), [{ a: 'ü' }, { b: 2 }]);
  for (const bad of ['{"a":1}', '7\n', 'x\n', 'x'.repeat(2 ** 20 + 1)]) {
    await assert.rejects(read(bad), (e) => isCodedError(e, 'data_loss'), bad.slice(0, 10));
  }
});

test('ControlClient says unavailable, and what to do, when no daemon listens', async () => {
  using client = ControlClient.open('/nonexistent/lade.control.sock');
  const reason: unknown = await client.status().catch((e: unknown) => e);
  assert.ok(isCodedError(reason, 'unavailable'));
  assert.match(reason.message, /\/nonexistent\/lade\.control\.sock: nobody serves there/);
  assert.match(reason.cure ?? '', /lade serve/);
});

test('ControlClient passes cancellation on as such', async () => {
  using client = ControlClient.open('/nonexistent/lade.control.sock');
  const reason: unknown = await client.status({ signal: AbortSignal.abort() }).catch((e: unknown) => e);
  assert.ok(isCodedError(reason, 'cancelled'));
});
