import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { punchHole } from '@lade/linux';
import { CodedError } from '@lade/errors';
import type { Fault } from './testing/faulty-bucket.ts';
import { openLazyWorld, type LazyWorld } from './testing/lazy-world.ts';
import { noise } from './testing/test-node.ts';

const MIB = 1 << 20;
const CONTENTS = [noise(31, 4 * MIB), noise(32, 4 * MIB), noise(33, 4 * MIB)];

/** The same faults for the same seed: about every third get meets one. */
function faultsOf(seed: number): () => Fault | undefined {
  const dice = noise(seed, 4096);
  let thrown = 0;
  return () => {
    const [kind = 0, place = 0] = dice.subarray(thrown, (thrown += 2));
    const error = new CodedError(kind & 1 ? 'unavailable' : 'resource_exhausted', 'Cannot go on', {
      details: { retryAfterMs: place & 7 },
    });
    switch (kind % 15) {
      case 0:
        return { before: () => Promise.reject(error) };
      case 1:
        return { endAfter: { bytes: place * 1000, error } };
      case 2:
        return { bytes: (bytes) => bytes.with((place * 4001) % bytes.length, place) };
      case 3:
        return { bytes: (bytes) => bytes.subarray(0, (bytes.length * place) >> 8) };
      case 4:
        return { before: () => turn() };
      default:
        return undefined;
    }
  };
}

/** Reads every layer in pieces, from a place of its own; errors are for the reader, wrong bytes for nobody. */
async function readEverything({ kernel, layers }: LazyWorld, from: number): Promise<number> {
  let errors = 0;
  for (let i = 0; i < layers.length; i++) {
    const at = (from + i) % layers.length;
    const { blob } = layers[at] ?? layers[0];
    for (let offset = 0; offset < blob.length; offset += 64 << 10) {
      try {
        const bytes = await kernel.read(at + 1, offset, 64 << 10);
        assert.ok(
          bytes.equals(blob.subarray(offset, offset + (64 << 10))),
          `layer ${at} is wrong at ${offset}`,
        );
      } catch (reason) {
        if (reason instanceof assert.AssertionError) throw reason;
        errors++;
      }
    }
  }
  return errors;
}

test('with a bucket that fails and lies, a third of the room and four readers, no byte is wrong, and all come in the end', async () => {
  await using world = await openLazyWorld({
    contents: CONTENTS,
    backgroundBytesPerSecond: 50 * MIB,
    cache: { limitBytes: 4 * MIB, punchHole },
  });
  const { node, bucket, layers } = world;
  for (const { index } of layers) {
    using layer = await node.layers.fetch(index, {});
    await node.layers.mount(layer.diffId);
  }
  bucket.choose = faultsOf(7);
  await Promise.all([0, 1, 2, 3].map(async (from) => readEverything(world, from)));
  const { counters } = node.residency;
  assert.ok(counters.retries > 0 && counters.verificationFailures > 0 && counters.evictedBytes > 0);
  bucket.choose = () => undefined;
  assert.equal(await readEverything(world, 0), 0);
});
