import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BucketHealthStatus } from '@lade/control-protocol';
import { openFaultyProxy, startObsStandIn, type ObsStandInOptions } from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import { statusOf } from './on-demand-site.ts';
import { Testbed, needsRoot, waitUntil } from './testbed.ts';

/* What the status says of a bucket that goes away and comes back, refuses, or has another time. Whoever lists images asks the bucket. */
const KEY = { accessKeyId: 'some-key', secretAccessKey: 'some/secret+' };
const DIALECTS = { obs: '', s3: '&path-style=true&region=somewhere' } as const;
const MINUTE_MS = 60_000;

for (const scheme of Object.keys(DIALECTS) as (keyof typeof DIALECTS)[])
  test(`${scheme}: the status says how the bucket is, since when, and what to do`, needsRoot, async (t) => {
    await using bed = await Testbed.open(t);
    const folder = await bed.makeFolder('store');
    let [secret, aheadMs] = [KEY.secretAccessKey, 0];
    const trouble: { refuses?: ObsStandInOptions['refuses']; forbids?: ObsStandInOptions['forbids'] } = {};
    await using store = await startObsStandIn({
      folder,
      bucket: 'lade',
      keys: () => new Map([[KEY.accessKeyId, { secretAccessKey: secret }]]),
      now: () => new Date(Date.now() + aheadMs),
      refuses: (method) => trouble.refuses?.(method),
      forbids: (action) => trouble.forbids?.(action) ?? false,
    });
    await using proxy = await openFaultyProxy(store.address);
    const keys = `access-key-id=${KEY.accessKeyId}&secret-access-key=${encodeURIComponent(KEY.secretAccessKey)}`;
    const endpoint = `http://localhost:${proxy.address.split(':')[1]}`;
    const bucketUrl = `${scheme}://lade/below?endpoint=${endpoint}&${keys}${DIALECTS[scheme]}`;
    const node = await bed.nodeWith('node', {
      bucketUrl,
      containerdVersion: '2.1',
      flags: ['--record-node', 'on'],
    });
    const becomes = async (state: BucketHealthStatus['state']): Promise<BucketHealthStatus> =>
      becomesOf(node, state);

    await becomes('healthy');
    assert.match(await node.ladeOrThrow('status'), /^health +healthy$/m);

    await proxy.vanish();
    const gone = await becomes('unreachable');
    assert.match(gone.lastError?.message ?? '', new RegExp(`Cannot .* in ${scheme}://lade/below/: .*ECONN`));
    const text = await node.ladeOrThrow('status');
    assert.match(text, /^health +unreachable since \S+: Cannot /m);
    assert.match(text, /^cure +Check the endpoint, the proxy and the network$/m);
    await proxy.heal();
    const back = await becomes('healthy');
    assert.ok(Date.parse(back.since) > Date.parse(gone.since));
    assert.equal(back.lastError?.at, gone.lastError?.at, 'what was wrong is not forgotten');

    secret = 'another secret';
    const refused = await becomes('refused');
    assert.equal(refused.lastError?.code, 'unauthenticated');
    assert.match(refused.lastError?.cure ?? '', /^Check the secret access key/);
    secret = KEY.secretAccessKey;
    await becomes('healthy');

    trouble.refuses = () => 'noSuchBucket';
    const missing = await becomes('refused');
    assert.match(missing.lastError?.cure ?? '', /^Create the bucket/);
    delete trouble.refuses;
    await becomes('healthy');

    trouble.forbids = (action) => action === 'PutObject';
    await restart(node);
    const degraded = await becomes('degraded');
    assert.deepEqual([degraded.lastError?.operation, degraded.lastError?.code], ['put', 'permission_denied']);
    delete trouble.forbids;
    await restart(node);
    await becomes('healthy');

    aheadMs = 5 * MINUTE_MS;
    await waitUntil('the clock is known', async () => {
      await node.lade('images');
      return Math.abs(((await statusOf(node)).bucketHealth.clockAheadMs ?? 0) - aheadMs) < 5_000;
    });
    assert.match(
      await node.ladeOrThrow('status'),
      /^clock +5 min behind that of the bucket$\n^cure +Set the clock/m,
    );
  });

/** Which then puts its record. */
async function restart(node: LadeNode): Promise<void> {
  await node.stopDaemon();
  await node.startDaemon();
}

async function becomesOf(node: LadeNode, state: BucketHealthStatus['state']): Promise<BucketHealthStatus> {
  let found: BucketHealthStatus | undefined;
  await waitUntil(`the bucket is ${state}`, async () => {
    // Asks the bucket, whatever comes of it.
    await node.lade('images');
    found = (await statusOf(node)).bucketHealth;
    return found.state === state;
  });
  assert.ok(found);
  return found;
}
