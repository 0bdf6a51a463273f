import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSummary, ImageSummary, Start } from '@lade/control-protocol';
import { SAMPLE_STATUS } from '@lade/control-protocol/testing';
import type { ContainerWork, ControlPlatform } from '@lade/control-service';
import { CodedError } from '@lade/errors';
import { BASE, IMAGE, LAYER, NAME, PUBLISHED_AT } from './testing/sample-node.ts';
import { serveTo } from './testing/serve-to.ts';

const START: Start = {
  kind: 'first',
  namespace: 'default',
  container: 'web',
  image: NAME,
  startedAt: PUBLISHED_AT,
  ms: 5,
  waits: 0,
  waitMs: 0,
  filledBytes: 0,
  over: true,
};
const STARTED: ImageSummary = {
  ...IMAGE,
  starts: [
    { ...START, kind: 'warm', ms: 91.4 },
    { ...START, kind: 'cold', ms: 812, pullMs: 2_340, waits: 7, waitMs: 130.2, filledBytes: 1_500_000 },
    { ...START, kind: 'warm', ms: 200 },
  ],
};
const CONTAINER: ContainerSummary = {
  id: 'web',
  namespace: 'default',
  image: NAME,
  snapshotter: 'lade',
  createdAt: PUBLISHED_AT,
  state: 'running',
  pid: 77,
  start: { ...START, kind: 'cold', ms: 812 },
  layers: [BASE],
  reads: {
    requests: 12,
    bytes: 2_500_000,
    waits: 7,
    waitMs: 130.2,
    filledBytes: 1_500_000,
    unattributed: { requests: 1, bytes: 4096, waits: 1, waitMs: 5, filledBytes: 4096 },
    files: [{ diffId: BASE, path: 'bin/sh', sizeBytes: 900_000, bytes: 45_056, waits: 2, waitMs: 31 }],
    unseenLayers: [BASE],
  },
};
/** Whose layers are here as a whole: nothing is seen of what it reads. */
const UNSEEN: ContainerSummary = {
  ...CONTAINER,
  id: 'whole',
  reads: { requests: 0, bytes: 0, waits: 0, waitMs: 0, filledBytes: 0, unseenLayers: [BASE] },
};
const CONTAINERS = {
  list: async () => [CONTAINER, UNSEEN],
  async get(id) {
    if (id === 'web') return CONTAINER;
    if (id === 'whole') return UNSEEN;
    throw new CodedError('not_found', `Cannot find container ${id}`);
  },
} satisfies Partial<ContainerWork> as Partial<ContainerWork> as ContainerWork;

/** Answers like a daemon with one image, and a container of it. */
const PLATFORM: Partial<ControlPlatform> = {
  containers: CONTAINERS,
  images: async () => [STARTED],
  layers: async () => [LAYER],
  status: async () => SAMPLE_STATUS,
};

test('lade images and ps tell of one image its layers and starts, of one container what it has read', async (t) => {
  const lade = await serveTo(t, PLATFORM);
  const image = await lade('images', NAME);
  assert.match(image.stdout, /^docker\.io\/library\/python:3\.12 sha256:[0-9a-f]{64} linux\/amd64\n\nLAYER/);
  assert.match(image.stdout, /^sha256:[0-9a-f]{12}… +45\.0 MB +converted +49% +111\.5 MB$/m);
  assert.match(image.stdout, /^sha256:[0-9a-f]{12}… +100\.0 kB +- +- +-$/m);
  assert.match(image.stdout, /^cold +0\.81 s +2\.34 s +7 +0\.13 s +1\.5 MB +web +\d+ \w+ ago$/m);
  assert.match(image.stdout, /^warm +91 ms +0 +0 ms +0 B +web +\d+ \w+ ago$/m);
  assert.deepEqual(JSON.parse((await lade('images', NAME, '--json')).stdout), [STARTED]);
  assert.match((await lade('images')).stdout, / +- +0\.81 s +91 ms +\d+ \w+ ago$/m);
  assert.equal((await lade('images', 'python:3.12')).stdout, image.stdout);
  const missing = await lade('images', 'python');
  assert.deepEqual([missing.code, missing.stdout], [1, '']);
  assert.match(missing.stderr, /^lade: Cannot find image python/);
  const list = await lade('ps');
  assert.match(
    list.stdout,
    /^CONTAINER +IMAGE +STATE +PID +STARTED +START +KIND +READ +WAITED +SNAPSHOTTER\n/,
  );
  assert.match(list.stdout, /^web .* running +77 +\d+ \w+ ago +0\.81 s +cold +2\.5 MB +0\.13 s +lade$/m);
  assert.match(list.stdout, /^whole .* cold +not seen +not seen +lade$/m);
  const whole = (await lade('ps', 'whole')).stdout;
  assert.match(whole, /^read +not seen: the kernel reads layers/m);
  assert.doesNotMatch(whole, /\b0 (B|ms)\b/);
  const one = await lade('ps', 'web');
  assert.match(one.stdout, /^read +2\.5 MB in 12 requests\nwaited +0\.13 s in 7 of them, for 1\.5 MB\n/m);
  assert.match(one.stdout, /^others +4\.1 kB of its layers, waited 5 ms: by its runtime or the kernel$/m);
  assert.match(one.stdout, /^unseen +reads of sha256:[0-9a-f]{12}…$/m);
  assert.match(one.stdout, /^sha256:[0-9a-f]{12}… +45\.1 kB +900\.0 kB +2 +31 ms +bin\/sh$/m);
  assert.deepEqual(JSON.parse((await lade('ps', 'web', '--json')).stdout), CONTAINER);
  assert.equal((await lade('ps', 'none')).code, 1);
  assert.match(
    (await lade('top', '--interval', '0.1')).stdout,
    /^web .* 77 +0\.81 s +cold +2\.5 MB +0\.13 s$/m,
  );
});
