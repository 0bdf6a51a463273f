import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import { requireStackable } from './stack-limits.ts';
import { openTestBed } from './testing/test-bed.ts';

const ROOT = '/var/lib/lade';
const OWN = ['index=off', `workdir=${ROOT}/snapshots/9999999/work`, `upperdir=${ROOT}/snapshots/9999999/fs`];

const isRefused = (reason: unknown): boolean =>
  isCodedError(reason, 'failed_precondition') &&
  reason.message.startsWith('Cannot stack snapshot top: ') &&
  reason.cure !== undefined;

/** Each layer with a correction, numbers as on a node that has seen millions. */
function corrected(layers: number): string[] {
  const numbers = Array.from({ length: layers }, (_, i) => 9_999_000 + i);
  return numbers.flatMap((number) => [`${ROOT}/fixes/${number}`, `${ROOT}/mounts/${number}n`]);
}

test('128 layers with corrections fit the one page of a mount call, on a node of any age', () => {
  requireStackable('top', corrected(128), OWN);
  assert.throws(() => requireStackable('top', corrected(200), OWN), isRefused);
});

test('what shares no directory is counted whole', () => {
  const far = Array.from({ length: 50 }, (_, i) => `/${i}${'x'.repeat(80)}`);
  assert.throws(() => requireStackable('top', far, OWN), isRefused);
});

test('more than 500 directories are refused, however short their names', () => {
  const short = (count: number): string[] => Array.from({ length: count }, (_, i) => `/l/${i}`);
  requireStackable('top', short(500), OWN);
  assert.throws(() => requireStackable('top', short(501), OWN), isRefused);
});

test('a chain that no overlay mount can stack is refused before anything is mounted or made', async () => {
  await using bed = await openTestBed();
  const layer = await bed.layers.add(':');
  const mounted: Digest[] = [];
  const mount = async (diffId: Digest): Promise<string> => {
    mounted.push(diffId);
    return bed.layers.mount(diffId, {});
  };
  const { layers } = bed;
  const snapshotter = await bed.open({
    layers: {
      mount,
      usage: layers.usage.bind(layers),
      impliedDirectories: layers.impliedDirectories.bind(layers),
      retain: layers.retain.bind(layers),
      layerAt: layers.layerAt.bind(layers),
    },
  });
  for (let i = 0; i < 501; i++) {
    await snapshotter.prepare('extract', '');
    snapshotter.attachLayer('extract', layer);
    snapshotter.commit(
      i === 500 ? 'top' : `layer-${i}`,
      'extract',
      i === 0 ? {} : { parent: `layer-${i - 1}` },
    );
  }
  for (const make of ['prepare', 'view'] as const)
    await assert.rejects(snapshotter[make]('run', 'top'), isRefused);
  assert.throws(
    () => snapshotter.stat('run'),
    (reason) => isCodedError(reason, 'not_found'),
  );
  assert.deepEqual(mounted, []);
  await snapshotter.cleanup();
  assert.deepEqual(await bed.contents(), []);
  await snapshotter.prepare('run', 'layer-4');
  assert.equal(mounted.length, 5);
});
