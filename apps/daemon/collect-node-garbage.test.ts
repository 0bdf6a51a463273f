import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '@lade/errors';
import { digestOf, type Digest } from '@lade/oci';
import { collectNodeGarbage } from './collect-node-garbage.ts';

const [USED, UNUSED, WAITING] = ['used', 'unused', 'waiting'].map((name) => digestOf(name)) as [
  Digest,
  Digest,
  Digest,
];
const { signal } = new AbortController();

/** A node with three layers, of which a snapshot uses one, and another has still to be uploaded. */
class Node {
  here: Digest[] = [USED, UNUSED, WAITING];
  cleanups = 0;
  isReached = true;

  async collect(dryRun: boolean): ReturnType<typeof collectNodeGarbage> {
    const parts = {
      layers: {
        list: () => this.here.map((diffId) => ({ diffId, diskBytes: 7 })),
        has: (diffId: Digest) => this.here.includes(diffId),
      },
      snapshots: () => [{ diffId: USED }],
      snapshotter: {
        cleanup: async () => {
          this.cleanups++;
          this.here = [USED, WAITING];
        },
      },
      uploads: { isWaiting: (diffId: Digest) => diffId === WAITING },
      node: {
        collectGarbage: async () => {
          if (!this.isReached) throw new CodedError('unavailable', 'Cannot reach containerd');
        },
      },
    };
    return collectNodeGarbage(parts as never, { dryRun }, signal);
  }
}

test('a dry run tells what no snapshot needs, and removes nothing', async () => {
  const node = new Node();
  assert.deepEqual(await node.collect(true), {
    dryRun: true,
    askedContainerd: false,
    snapshots: 0,
    layers: [{ diffId: UNUSED, diskBytes: 7 }],
    waiting: [{ diffId: WAITING, diskBytes: 7 }],
  });
  assert.equal(node.cleanups, 0);
});

test('what is gone afterwards is told, whoever has removed it', async () => {
  const node = new Node();
  const { askedContainerd, layers, waiting } = await node.collect(false);
  assert.ok(askedContainerd);
  assert.deepEqual(layers, [{ diffId: UNUSED, diskBytes: 7 }]);
  assert.deepEqual(waiting, [{ diffId: WAITING, diskBytes: 7 }]);
});

test('without containerd the node frees what it can alone', async () => {
  const node = new Node();
  node.isReached = false;
  const { askedContainerd, layers } = await node.collect(false);
  assert.deepEqual([askedContainerd, layers.length, node.cleanups], [false, 1, 1]);
});
