import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import { decodeDaemonMessage, decodeKeeperMessage, encodeMessage, readMessages } from './messages.ts';
import type { DaemonMessage, KeeperMessage } from './messages.ts';

const COMMAND = { argv: ['/bin/node', 'lade'], cwd: '/', env: { PATH: '/bin' } };

test('readMessages() joins what the transport has cut', async () => {
  const sent: DaemonMessage[] = [
    { kind: 'hello', pid: 1 },
    { kind: 'serving' },
    { kind: 'serving', command: { ...COMMAND, env: { NAME: 'ü\n' } } },
    { kind: 'bye' },
    { kind: 'release' },
  ];
  const bytes = [...Buffer.from(sent.map(encodeMessage).join(''))].map((byte) => Buffer.of(byte));
  assert.deepEqual(await Array.fromAsync(readMessages(Readable.from(bytes), decodeDaemonMessage)), sent);
});

test('readMessages() leaves out a last line without an end, which a killed process may leave', async () => {
  const parts = [Buffer.from('{"kind":"bye"}\n{"kind":"rel')];
  assert.deepEqual(await Array.fromAsync(readMessages(Readable.from(parts), decodeDaemonMessage)), [
    { kind: 'bye' },
  ]);
});

test('readMessages() does not collect a line without end', async () => {
  let taken = 0;
  const endless = function* (): Generator<Buffer> {
    for (;;) yield Buffer.alloc(64 << 10, (taken += 1));
  };
  const messages = readMessages(Readable.from(endless()), decodeDaemonMessage);
  await assert.rejects(messages.next(), (error) => isCodedError(error, 'invalid_argument'));
  assert.ok(taken < 100);
});

test('decodeDaemonMessage() refuses what is none', () => {
  for (const value of [
    null,
    7,
    [],
    {},
    { kind: 'noted' },
    { kind: 'hello' },
    { kind: 'hello', pid: -1 },
    { kind: 'hello', pid: 1.5 },
    { kind: 'serving', command: null },
    { kind: 'serving', command: { ...COMMAND, argv: [] } },
    { kind: 'serving', command: { ...COMMAND, argv: ['a\0b'] } },
    { kind: 'serving', command: { ...COMMAND, env: { A: 1 } } },
  ])
    assert.throws(
      () => decodeDaemonMessage(value),
      (error) => isCodedError(error, 'invalid_argument'),
      JSON.stringify(value),
    );
});

test('decodeKeeperMessage() takes what a keeper says, and nothing else', () => {
  const holding: KeeperMessage = { kind: 'holding', pid: 1, descriptors: { fuse: 4 }, restarts: 0 };
  assert.deepEqual(decodeKeeperMessage({ ...holding, later: true }), holding);
  assert.deepEqual(decodeKeeperMessage({ kind: 'noted' }), { kind: 'noted' });
  for (const value of [null, { kind: 'bye' }, { ...holding, descriptors: { fuse: 'x' } }])
    assert.throws(
      () => decodeKeeperMessage(value),
      (error) => isCodedError(error, 'invalid_argument'),
    );
});
