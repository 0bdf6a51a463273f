import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonEvent, PullEvent } from '@lade/control-protocol';
import { InputQueue } from './containers/input-queue.ts';
import { LogLines } from './containers/log-lines.ts';
import { describeEvent, hasFailed, matcher } from './events/event-filter.ts';
import { EventRing } from './events/event-ring.ts';
import { advance, NOTHING_YET } from './images/pull-progress.ts';
import { splitCommand } from './images/split-command.ts';

const event = (id: number, more: object = {}): DaemonEvent => ({ id, kind: 'bucket.get', ...more });

test('a ring keeps the newest events and forgets the oldest', () => {
  const ring = new EventRing(3);
  for (let id = 1; id <= 5; id++) ring.add(event(id));
  assert.deepEqual(
    ring.newest().map(({ id }) => id),
    [5, 4, 3],
  );
  assert.deepEqual([ring.size, ring.total, ring.at(3)], [3, 5, undefined]);
  ring.clear();
  ring.add(event(6));
  assert.deepEqual(
    ring.newest(9).map(({ id }) => id),
    [6],
  );
});

test('events are found by family, by all words in whatever case, and by failure', () => {
  const failed = event(1, { key: 'packs/sha256/ab', code: 'unavailable' });
  const left = event(2, { key: 'packs/sha256/cd', code: 'cancelled', traceId: 't' });
  const call: DaemonEvent = { id: 3, kind: 'containerd.snapshots.prepare', name: 'x', parent: 'sha256:AB' };
  const find = (filter: object): (number | undefined)[] =>
    [failed, left, call]
      .filter(matcher({ family: '', text: '', onlyErrors: false, traceId: '', ...filter }))
      .map(({ id }) => id);
  assert.deepEqual(find({ family: 'bucket' }), [1, 2]);
  assert.deepEqual(find({ text: 'AB sha256' }), [1, 3]);
  assert.deepEqual(find({ onlyErrors: true }), [1]);
  assert.deepEqual(find({ traceId: 't' }), [2]);
  assert.ok(!hasFailed(left));
  const looked = { ...left, kind: 'bucket.head', code: 'not_found' };
  assert.ok(!hasFailed(looked));
  assert.ok(hasFailed({ ...looked, kind: 'containerd.snapshots.stat' }));
  assert.ok(hasFailed({ ...looked, code: 'unavailable' }));
  assert.equal(describeEvent(call), 'x parent=sha256:AB');
});

test('a pull tells each layer where it is, also when the registry is asked later on', () => {
  const diffId = `sha256:${'1'.repeat(64)}` as const;
  const at = { diffId, number: 2, of: 3 };
  const events: PullEvent[] = [
    { kind: 'fetching', ...at },
    { kind: 'traced', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' },
    { kind: 'resolved', digest: diffId, layers: 3, source: 'registry' },
    { kind: 'downloading', ...at, bytes: 5, totalBytes: 10 },
    { kind: 'converting', ...at },
  ];
  const progress = events.reduce(advance, NOTHING_YET);
  assert.ok(progress.fromRegistry);
  assert.deepEqual(
    progress.layers.map(({ step }) => step),
    ['waiting', 'converting', 'waiting'],
  );
  assert.deepEqual([progress.layers[1]?.bytes, progress.layers[1]?.totalBytes], [5, 10]);
  const done = advance(progress, { kind: 'restored', name: 'i', digest: diffId, layers: 3 });
  assert.ok(done.layers.every(({ step }) => step === 'present'));
});

test('a command is split as a shell splits it', () => {
  assert.deepEqual(splitCommand(''), []);
  assert.deepEqual(splitCommand('  sh -c "echo \'a  b\' \\"c\\"" \'\' d\\ e '), [
    'sh',
    '-c',
    'echo \'a  b\' "c"',
    '',
    'd e',
  ]);
  assert.equal(splitCommand('echo "a'), undefined);
});

test('log lines of two streams stay apart, lose what only terminals need, and only the newest stay', () => {
  const log = new LogLines(3);
  const add = (stream: 'stdout' | 'stderr', text: string) => log.add(stream, Buffer.from(text));
  add('stdout', '1\n2\nhal');
  add('stderr', '\u001b[31mred\u001b[0m\t[x]\r\n');
  add('stdout', 'f\nopen');
  assert.deepEqual(
    log.newest().map(({ text }) => text),
    ['2', 'red\t[x]', 'half', 'open'],
  );
  const letter = Buffer.from('é\n');
  log.add('stdout', letter.subarray(0, 1));
  log.add('stdout', letter.subarray(1));
  assert.equal(log.newest().at(-1)?.text, 'opené');
});

test('input goes out in order, one request at a time, whole letters only', async () => {
  const sent: string[] = [];
  const gates: (() => void)[] = [];
  const queue = new InputQueue(
    async (bytes) => {
      sent.push(Buffer.from(bytes).toString('utf8'));
      await new Promise<void>((resolve) => gates.push(resolve));
    },
    () => assert.fail(),
  );
  queue.add('a');
  queue.add('b');
  queue.add('c');
  assert.deepEqual(sent, ['a']);
  const long = `${'x'.repeat(8191)}😀`;
  queue.add(long);
  while (sent.join('').length < 3 + long.length) {
    gates.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(sent.join(''), `abc${long}`);
});
