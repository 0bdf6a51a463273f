import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBucket, type Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import { createLogger } from '@lade/log';
import { NodeUses } from './node-uses.ts';
import { SWEEP_KEY, encodeSweep } from './sweep.ts';

async function told(bucket: Bucket): Promise<string[]> {
  const { body } = await bucket.get('refs/nodes/n');
  return (JSON.parse(Buffer.concat(await Array.fromAsync(body)).toString()) as { keys: string[] }).keys;
}

function open(bucket: Bucket, current: () => readonly string[] = () => [], lines: string[] = []): NodeUses {
  return new NodeUses({ bucket, node: 'n', current, log: createLogger((line) => lines.push(line)) });
}

test('what is claimed is told with what is used, however many claim at once in two puts at most', async () => {
  await using memory = await openBucket('memory:');
  let puts = 0;
  const bucket: Bucket = {
    ...proxy(memory),
    async put(...args) {
      puts++;
      return memory.put(...args);
    },
  };
  await using uses = open(bucket, () => ['used']);
  await uses.renew();
  puts = 0;
  const claims = ['a', 'b', 'c', 'd'].map(async (key) => uses.claim([key]));
  assert.deepEqual(await Promise.all(claims), [true, true, true, true]);
  assert.ok(puts <= 2, `${puts} puts`);
  assert.deepEqual((await told(bucket)).sort(), ['a', 'b', 'c', 'd', 'used']);
  assert.ok(await uses.claim(['a', 'c']));
  assert.ok(puts <= 2, 'what is told already is not told again');
});

test('what is being removed cannot be claimed, and what else is there can', async () => {
  await using bucket = await openBucket('memory:');
  await using uses = open(bucket);
  await uses.renew();
  const until = new Date(Date.now() + 60_000).toISOString();
  await bucket.put(SWEEP_KEY, encodeSweep({ id: '1', holder: 'h', until, keys: ['going'] }));
  assert.equal(await uses.claim(['stays']), false, 'it was looked at when nothing was known of the sweep');
  assert.equal(await uses.claim(['stays']), true);
  assert.equal(await uses.claim(['going']), false);
  await bucket.put(SWEEP_KEY, encodeSweep({ id: '2', keys: [] }));
  assert.equal(await uses.claim(['going']), false, 'it may have gone since');
  assert.equal(await uses.claim(['going']), true);
});

test('a node that may not write goes on, and says so once; any other failure is one', async () => {
  await using memory = await openBucket('memory:');
  const lines: string[] = [];
  let code: 'permission_denied' | 'unavailable' = 'permission_denied';
  const bucket: Bucket = {
    ...proxy(memory),
    async put() {
      throw new CodedError(code, 'Cannot put');
    },
  };
  await using uses = open(bucket, () => [], lines);
  assert.equal(await uses.claim(['a']), true);
  assert.equal(await uses.claim(['b']), true);
  assert.equal(lines.length, 1);
  code = 'unavailable';
  await assert.rejects(uses.claim(['c']), { code: 'unavailable' });
});

/** Its methods as a plain object. */
function proxy(bucket: Bucket): Bucket {
  return {
    location: bucket.location,
    put: async (...args) => bucket.put(...args),
    get: async (...args) => bucket.get(...args),
    head: async (...args) => bucket.head(...args),
    list: (...args) => bucket.list(...args),
    delete: async (...args) => bucket.delete(...args),
    conditionalPuts: async (...args) => bucket.conditionalPuts(...args),
    [Symbol.asyncDispose]: async () => {},
  };
}
