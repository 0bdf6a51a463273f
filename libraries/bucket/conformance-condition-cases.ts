import assert from 'node:assert/strict';
import { isCodedError } from '@lade/errors';
import type { Bucket } from './bucket.ts';
import { generated, keysOf, rejects, textOf, type ConformanceCases } from './conformance-subject.ts';

const RACERS = 20;
/** More than any driver sends as one request. */
const LARGE_BYTES = 17 << 20;
const absent = { condition: { absent: true } } as const;

/** Without anybody else at work: what every bucket can do. */
export const conditionCases: ConformanceCases = {
  'absent: the first put wins, until the key is deleted': async (bucket) => {
    await bucket.put('k', Buffer.from('one'), absent);
    await rejects('already_exists', bucket.put('k', Buffer.from('two'), absent), 'k');
    assert.equal(await textOf((await bucket.get('k')).body), 'one');
    await bucket.delete(['k']);
    await bucket.put('k', Buffer.from('two'), absent);
    assert.equal(await textOf((await bucket.get('k')).body), 'two');
  },

  'version: a put replaces only what it says': async (bucket) => {
    const first = await bucket.put('k', Buffer.from('one'));
    const second = await bucket.put('k', Buffer.from('two'), { condition: first });
    await rejects('failed_precondition', bucket.put('k', Buffer.from('three'), { condition: first }), 'k');
    assert.equal(await textOf((await bucket.get('k')).body), 'two');
    await bucket.delete(['k']);
    await rejects('failed_precondition', bucket.put('k', Buffer.from('three'), { condition: second }), 'k');
    await rejects(
      'failed_precondition',
      bucket.put('x', Buffer.from('x'), { condition: { version: 'no' } }),
      'x',
    );
    assert.deepEqual(await keysOf(bucket, ''), []);
  },

  'both hold for large bodies too': async (bucket) => {
    const sizeBytes = LARGE_BYTES;
    const first = await bucket.put('k', generated(sizeBytes), { sizeBytes, ...absent });
    const again = bucket.put('k', generated(sizeBytes), { sizeBytes, ...absent });
    await rejects('already_exists', again, 'k');
    assert.equal((await bucket.head('k')).version, first.version);
    await bucket.put('k', generated(sizeBytes, 1000), { sizeBytes, condition: first });
    const late = bucket.put('k', generated(sizeBytes), { sizeBytes, condition: first });
    await rejects('failed_precondition', late, 'k');
  },
};

/** With others at work: what needs a store with atomic conditions. */
export const raceCases: ConformanceCases = {
  'of 20 puts at once of an absent key, one wins and the others know': async (bucket) => {
    for (const round of ['first', 'second', 'third']) {
      const results = await race(async (i) => bucket.put(round, Buffer.from(`racer ${i}`), absent));
      const winners = results.flatMap((result, i) => (result === undefined ? [] : [{ i, ...result }]));
      assert.equal(winners.length, 1);
      const { body, version } = await bucket.get(round);
      assert.equal(await textOf(body), `racer ${winners[0]?.i}`);
      assert.equal(version, winners[0]?.version);
    }
  },

  'of 20 puts at once over one version, one wins': async (bucket) => {
    const condition = await bucket.put('k', Buffer.from('start'));
    const results = await race(async (i) => bucket.put('k', Buffer.from(`racer ${i}`), { condition }));
    assert.equal(results.filter((result) => result !== undefined).length, 1);
  },

  'a counter that 8 writers raise loses no step': async (bucket) => {
    await bucket.put('counter', Buffer.from('0'));
    await Promise.all(Array.from({ length: 8 }, async () => raise(bucket, 5)));
    assert.equal(await textOf((await bucket.get('counter')).body), '40');
  },

  'a large body that was begun while the key was absent does not replace another': async (bucket) => {
    const body = async function* (): AsyncGenerator<Uint8Array> {
      yield* generated(LARGE_BYTES - 1);
      await bucket.put('k', Buffer.from('meanwhile'));
      yield Buffer.from('!');
    };
    await rejects('already_exists', bucket.put('k', body(), { sizeBytes: LARGE_BYTES, ...absent }), 'k');
    assert.equal(await textOf((await bucket.get('k')).body), 'meanwhile');
  },
};

/** Their results; undefined for a put that lost. */
async function race<T>(put: (racer: number) => Promise<T>): Promise<(T | undefined)[]> {
  return Promise.all(
    Array.from({ length: RACERS }, async (_, i) =>
      put(i).catch((reason: unknown) => {
        if (!isLoss(reason)) throw reason;
        return undefined;
      }),
    ),
  );
}

async function raise(bucket: Bucket, steps: number): Promise<void> {
  for (let done = 0; done < steps;) {
    const { body, version } = await bucket.get('counter');
    const next = String(Number(await textOf(body)) + 1);
    try {
      await bucket.put('counter', Buffer.from(next), { condition: { version } });
      done++;
    } catch (reason) {
      if (!isLoss(reason)) throw reason;
    }
  }
}

function isLoss(reason: unknown): boolean {
  return ['already_exists', 'failed_precondition', 'aborted'].some(
    (code) => isCodedError(reason) && reason.code === code,
  );
}
