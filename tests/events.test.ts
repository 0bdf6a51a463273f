import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ControlClient,
  controlSocketPath,
  type DaemonEvent,
  type NodeSummary,
  type Status,
} from '@lade/control-protocol';
import { startOrigin, startS3StandIn } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { SPEAK, ANSWER, buildSpeaker } from './small-images.ts';
import { Testbed, inSteps, isNodesOwn, listObjects, needsRoot, standInUrl, waitUntil } from './testbed.ts';

/* What goes to a bucket and comes from it can be seen working, object by object. */

for (const kind of ['directory', 'S3'] as const) {
  test(`everything that is done with a ${kind} bucket is an event`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const step = inSteps(t);
    const image = await buildSpeaker(bed.folder);
    await using store = kind === 'S3' ? await startS3StandIn(await bed.makeFolder('store')) : undefined;
    const bucketUrl = store ? standInUrl(store.address) : await bed.bucket('directory');
    const first = await bed.node('first', bucketUrl, '2.1');
    const second = await bed.node('second', bucketUrl, '2.1');
    await using origin = await startOrigin([image.layout]);
    const reference = `${origin.address}/${image.name}`;

    await step('a first pull: every object that the bucket then has, with its size', async () => {
      await using events = follow(first);
      await first.containerd.pull(reference, { snapshotter: 'lade' });
      await first.uploaded();
      await first.publishes(reference);
      const objects = await listObjects(bucketUrl);
      await waitUntil('all puts are told', async () => putsOf(events.seen).size >= objects.length);
      assert.deepEqual(
        [...putsOf(events.seen)].sort(),
        objects.map(({ key, sizeBytes }) => [key, sizeBytes]),
      );
      const kinds = new Set(events.seen.map((event) => event.kind));
      for (const call of ['snapshots.prepare', 'diff.apply', 'snapshots.commit'])
        assert.ok(kinds.has(`containerd.${call}`), call);
      const messages = events.seen.flatMap(({ message }) => message ?? []);
      for (const message of ['layer published', 'image published', 'ready'])
        assert.ok(messages.includes(message), message);
    });

    await step('a cold start: every read of a pack, by its range', async () => {
      await using events = follow(second, 'bucket.get');
      await second.ladeOrThrow('pull', reference);
      assert.equal(await second.run(reference, ...SPEAK), ANSWER);
      const sizes = new Map((await listObjects(bucketUrl)).map(({ key, sizeBytes }) => [key, sizeBytes]));
      const ofPacks = (): readonly DaemonEvent[] =>
        events.seen.filter(({ key }) => String(key).startsWith('packs/'));
      await waitUntil('reads of packs are told', async () => ofPacks().length > 0);
      for (const { key, offset = 0, bytes, code } of ofPacks()) {
        if (code === undefined) assert.ok(Number(bytes) > 0);
        assert.ok(Number(offset) + Number(bytes) <= (sizes.get(String(key)) ?? 0), String(key));
      }
    });

    await step('every request is counted by what clouds price alike', async () => {
      const { bucketRequests } = JSON.parse(await first.ladeOrThrow('status', '--json')) as Status;
      const objects = await listObjects(bucketUrl);
      const stored = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      assert.ok(bucketRequests.write.requests >= objects.length);
      assert.ok(bucketRequests.write.sentBytes >= stored);
      assert.equal(bucketRequests.write.errors, 0);
      const other = JSON.parse(await second.ladeOrThrow('status', '--json')) as Status;
      assert.ok(other.bucketRequests.read.receivedBytes > 0);
    });

    await step('nodes see each other in the bucket', async () => {
      await second.stopDaemon();
      await second.startDaemon({ flags: ['--record-node', 'on'] });
      const list = async (): Promise<NodeSummary[]> =>
        JSON.parse(await first.ladeOrThrow('nodes', '--json')) as NodeSummary[];
      await waitUntil('the node is told', async () => (await list()).length === 1);
      assert.equal((await list())[0]?.state, 'running');
      await second.stopDaemon();
      const [{ state, requests } = {} as NodeSummary] = await list();
      assert.equal(state, 'stopped');
      assert.ok(Object.values(requests).some(({ write }) => write.requests > 0));
      assert.match(await first.ladeOrThrow('nodes', '--cost'), /^packs +\d+ +[\d.]+ .?B$/m);
    });

    await step('lade events prints them', async () => {
      const lines = await first.ladeOrThrow('events', '--kind', 'bucket.put', '--text', 'packs/');
      assert.match(
        lines,
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d {2}bucket\.put +packs\/sha256\/[0-9a-f]{64} {2}[\d.]+ .?B {2}/,
      );
    });
  });
}

/** What a node's daemon tells from its first event on. */
function follow(node: LadeNode, kind = ''): AsyncDisposable & { readonly seen: readonly DaemonEvent[] } {
  const client = ControlClient.open(controlSocketPath(node.address));
  const stop = new AbortController();
  const seen: DaemonEvent[] = [];
  const reading = (async () => {
    const options = { signal: stop.signal };
    for await (const event of client.events({ kind, follow: true }, options)) seen.push(event);
  })();
  return {
    seen,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await assert.rejects(reading, { code: 'cancelled' });
      client[Symbol.dispose]();
    },
  };
}

function putsOf(events: readonly DaemonEvent[]): Map<string, unknown> {
  const puts = events.filter(({ kind, code }) => kind === 'bucket.put' && code === undefined);
  const shared = puts.filter(({ key }) => !isNodesOwn(String(key)));
  return new Map(shared.map(({ key, bytes }) => [String(key), bytes]));
}
