import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LayerSummary, Status } from '@lade/control-protocol';
import { mount } from '@lade/linux';
import { startOrigin, unmountBelow } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { gzipLayer, soundTar, writeLayout } from './broken-layers.ts';
import { clearNode } from './node-state.ts';
import { Testbed, listObjects, needsRoot, waitUntil } from './testbed.ts';
import { openLink } from './unsteady-link.ts';

/** A pull needs all of what it finds in the bucket. */
const FULL = ['--fill', 'full'];

/*
 * A bucket that is away, goes away, or cannot be written: pulls work as if there were none, what was pulled waits and
 * says why, and is uploaded when the bucket is back.
 */
const IMAGES = ['early', 'middle', 'late', 'later'] as const;

/** A registry with an image of two layers for every step, each of its own. */
async function writeImages(bed: Testbed): Promise<string> {
  const layout = await bed.makeFolder('layout');
  const layers = (i: number) => [gzipLayer(soundTar(2 * i, 6_000_000)), gzipLayer(soundTar(2 * i + 1))];
  await writeLayout(layout, Object.fromEntries(IMAGES.map((name, i) => [`${name}:latest`, layers(i)])));
  return layout;
}

/** Pulls, and says by what name. */
type Pull = (node: LadeNode, image: (typeof IMAGES)[number]) => Promise<string>;

test('an S3 server that comes and goes', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  await using origin = await startOrigin([await writeImages(bed)]);
  const pull: Pull = async (node, image) => {
    const reference = `${origin.address}/${image}:latest`;
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    return reference;
  };
  const direct = new URL(await bed.bucket('S3'));
  await using link = await openLink(direct.searchParams.get('endpoint') ?? '');
  const url = new URL(direct);
  url.searchParams.set('endpoint', link.endpoint);
  link.cut();
  const node = await bed.node('node', url.href, '2.1', FULL);

  await t.test('a daemon starts without it, and what is pulled waits', async () => {
    const reference = await pull(node, 'early');
    await assertWaits(node, /Cannot .* s3:\/\/lade.*(ECONNRESET|socket hang up|ECONNREFUSED)/i);
    assert.deepEqual(await origins(node), ['converted', 'converted']);
    link.repair();
    await assertPublished(node, reference);
  });

  await t.test('when it goes away in the middle of an upload, the rest is uploaded later', async () => {
    link.cutAfter(3_000_000);
    const reference = await pull(node, 'middle');
    await assertWaits(node, /s3:\/\/lade/);
    await pull(node, 'late');
    link.repair();
    await assertPublished(node, reference);
    await assertPublished(node, `${origin.address}/late:latest`);
  });

  await t.test('when it goes away in the middle of a fetch, the registry has to do', async () => {
    const second = await bed.node('second', url.href, '2.1', FULL);
    link.cutAfter(3_000_000);
    await pull(second, 'late');
    assert.deepEqual(await origins(second), ['converted', 'converted']);
    assert.deepEqual(
      (await readdir(join(second.root, 'layers'))).filter((name) => name.startsWith('.')),
      [],
    );
    link.repair();
    await second.uploaded();
  });

  await t.test('nothing half done is left in it', async () => {
    const keys = (await listObjects(direct.href)).map(({ key }) => key);
    assert.equal(keys.filter((key) => key.startsWith('layers/')).length, 6);
    assert.equal(keys.filter((key) => key.startsWith('chains/')).length, 6);
    assert.equal(await uploadsUnderWay(direct), 0);
    await clearNode(node);
  });
});

test('a bucket folder that cannot be written', needsRoot, async (t) => {
  await using bed = await Testbed.open(t);
  await using origin = await startOrigin([await writeImages(bed)]);
  const pull: Pull = async (node, image) => {
    const reference = `${origin.address}/${image}:latest`;
    await node.containerd.pull(reference, { snapshotter: 'lade' });
    return reference;
  };
  const folder = await bed.makeFolder('bucket');
  await using _ = { [Symbol.asyncDispose]: async () => unmountBelow(folder) };
  const mountBucket = async (...options: readonly string[]): Promise<void> =>
    mount({ type: 'tmpfs', source: 'lade-test', target: folder, options });
  await mountBucket('ro');
  const node = await bed.node('node', await bed.bucket('directory'), '2.1');

  await t.test('a daemon starts with one that is read-only, and what is pulled waits', async () => {
    const reference = await pull(node, 'early');
    await assertWaits(node, /EROFS|read-only/i);
    await mountBucket('remount', 'rw');
    await assertPublished(node, reference);
  });

  await t.test('what finds it full waits until there is room', async () => {
    await mountBucket('remount', 'rw', 'size=12m');
    const reference = await pull(node, 'middle');
    await assertWaits(node, /ENOSPC/);
    await waitUntil(
      'no object is half written',
      async () => (await readdir(join(folder, '.tmp'))).length === 0,
    );
    await mountBucket('remount', 'rw', 'size=100m');
    await assertPublished(node, reference);
  });

  await t.test('what is there can be used while it is read-only', async () => {
    await clearNode(node);
    await mountBucket('remount', 'ro');
    const reference = await pull(node, 'early');
    assert.deepEqual(await origins(node), ['fetched', 'fetched']);
    await node.ladeOrThrow('verify', reference);
    await node.ladeOrThrow('images');
    await mountBucket('remount', 'rw');
  });
});

async function assertWaits(node: LadeNode, why: RegExp): Promise<void> {
  await waitUntil('an upload has failed', async () => {
    const { uploads } = JSON.parse(await node.ladeOrThrow('status', '--json')) as Status;
    return uploads.waiting > 0 && why.test(uploads.lastError ?? '');
  });
}

async function assertPublished(node: LadeNode, reference: string): Promise<void> {
  await node.uploaded();
  await node.publishes(reference);
  await node.ladeOrThrow('verify', reference);
}

async function origins(node: LadeNode): Promise<string[]> {
  return (JSON.parse(await node.ladeOrThrow('layers', '--json')) as LayerSummary[]).map(
    ({ origin }) => origin,
  );
}

/** Multipart uploads that nobody has ended. */
async function uploadsUnderWay(url: URL): Promise<number> {
  const answer = await fetch(`${url.searchParams.get('endpoint')}/lade?uploads`);
  return (await answer.text()).split('<UploadId>').length - 1;
}
