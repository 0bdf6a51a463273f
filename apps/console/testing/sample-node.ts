import { createHash } from 'node:crypto';
import type { ImageSummary, LayerFile, LayerMap, LayerSummary, Status, Trace } from '@lade/control-protocol';

type Digest = `sha256:${string}`;

export function digestOf(text: string): Digest {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

const STARTED = Date.now();

export function timeAfter(seconds: number): string {
  return new Date(STARTED + seconds * 1000).toISOString();
}

/** A small generator of numbers from 0 to 1, the same each time. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const IMAGES = [
  [
    'docker.io/library/python:3.13',
    [48_500_000, 24_000_000, 64_400_000, 211_000_000, 6_200_000, 27_700_000, 250],
  ],
  ['docker.io/library/nginx:1.29', [29_800_000, 43_200_000, 630, 955, 1_200]],
  ['registry.example.org/team/recommender:2026-11', [29_800_000, 3_411_000_000, 18_000_000, 912_000]],
] as const;

export const layerId = (image: number, number: number): Digest =>
  digestOf(number === 0 && image > 0 ? 'base' : `layer ${image} ${number}`);

export function sampleImages(): ImageSummary[] {
  return IMAGES.map(([name, sizes], i) => ({
    name,
    digest: digestOf(name),
    platform: 'linux/amd64',
    publishedAt: timeAfter(-90_000 * (i + 1)),
    inBucket: true,
    inContainerd: i < 2,
    layers: sizes.map((sizeBytes, n) => ({
      diffId: layerId(i, n),
      chainId: digestOf(`chain ${i} ${n}`),
      sizeBytes,
      // The base is that of an image that is here.
      here: i < 2 || n === 0,
    })),
  }));
}

export function sampleLayers(): LayerSummary[] {
  return IMAGES.slice(0, 2).flatMap(([, sizes], i) =>
    sizes.map((size, n) => ({
      diffId: layerId(i, n),
      origin: i === 0 ? ('fetched' as const) : ('converted' as const),
      tarBytes: Math.round(size * 2.8),
      blobBytes: Math.round(size * 2.6),
      diskBytes: Math.round(size * (i === 0 ? 0.23 : 2.6)),
      residentBytes: Math.round(size * (i === 0 ? 0.22 : 2.6)),
      inodes: Math.round(size / 9000) + 3,
      createdAt: timeAfter(-3600 + n),
      uploaded: !(i === 1 && n === 4),
    })),
  );
}

export function sampleStatus(): Status {
  return {
    version: '0.1.0',
    node: 'node-a.internal',
    root: '/var/lib/lade',
    bucket: 's3://images/lade?region=eu-central-1',
    bucketHealth: {
      state: 'healthy',
      since: timeAfter(-7200),
      lastSuccessAt: timeAfter(-4),
      clockAheadMs: -180,
    },
    fillMode: 'fanotify',
    containerdAddress: '/run/containerd/containerd.sock',
    containerd: '2.1.9',
    uploads: { waiting: 1 },
    bucketRequests: {
      read: { requests: 412, errors: 0, sentBytes: 0, receivedBytes: 71_400_000 },
      write: { requests: 38, errors: 1, sentBytes: 212_000_000, receivedBytes: 0 },
      list: { requests: 6, errors: 0, sentBytes: 0, receivedBytes: 48_000 },
      delete: { requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 },
    },
    layers: 11,
    plainSnapshots: 0,
    residency: {
      fills: {
        bucket: { chunks: 1620, bytes: 160_200_000 },
        hot: { chunks: 220, bytes: 21_400_000 },
        copied: { chunks: 412, bytes: 38_000_000 },
        adopted: { chunks: 0, bytes: 0 },
        zero: { chunks: 3, bytes: 3_100_000 },
      },
      fetchedBytes: 71_400_000,
      requests: 268,
      retries: 2,
      hedges: 1,
      verificationFailures: 0,
      healed: 0,
      failedChunks: 0,
      waits: 1204,
      waitMs: 8730,
      readWaits: {
        bucket: { reads: 1102, ms: 8200 },
        hot: { reads: 90, ms: 510 },
        copied: { reads: 12, ms: 20 },
        adopted: { reads: 0, ms: 0 },
        zero: { reads: 0, ms: 0 },
        none: { reads: 0, ms: 0 },
        failed: { reads: 0, ms: 0 },
      },
      evictedBytes: 0,
    },
    keeper: { restarts: 0 },
  };
}

/** A layer of so many chunks; its parts that starts need are resident. */
export function sampleMap(diffId: Digest, chunks: number): { map: LayerMap; files: readonly LayerFile[] } {
  const random = createRandom(7);
  const sizes = Buffer.alloc(chunks * 4);
  const bits = Buffer.alloc(Math.ceil(chunks / 8));
  const files: LayerFile[] = [];
  let [offset, file] = [0, 0];
  for (let i = 0; i < chunks; i++) {
    const size = 65_536 + Math.floor(random() * 8) * 65_536;
    sizes.writeUInt32LE(size, i * 4);
    const warm = Math.sin(i / (chunks / 19)) + Math.sin(i / (chunks / 5)) > 0.9 || random() < 0.06;
    if (warm) bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
    const many = 1 + Math.floor(random() * 3);
    for (let n = 0; n < many; n++) {
      const sizeBytes = Math.floor(size / many);
      files.push({ path: pathOf(file++), offset: offset + n * sizeBytes, sizeBytes });
    }
    offset += size;
  }
  const [chunkBytes, resident] = [sizes.toString('base64'), bits.toString('base64')];
  return { map: { diffId, blobBytes: offset, chunkBytes, resident }, files };
}

const FOLDERS = [
  'usr/lib/python3.13/asyncio',
  'usr/lib/python3.13/json',
  'usr/lib/x86_64-linux-gnu',
  'usr/bin',
];

function pathOf(n: number): string {
  const folder = FOLDERS[Math.floor(n / 40) % FOLDERS.length] ?? '';
  return `${folder}/${folder.includes('python') ? `module_${n}.py` : `lib${n}.so.6`}`;
}

export function sampleTrace(map: LayerMap, files: readonly LayerFile[], length: number): Trace {
  const random = createRandom(3);
  const sizes = Buffer.from(map.chunkBytes, 'base64');
  const count = sizes.length / 4;
  const offsets = [0];
  for (let i = 0; i < count; i++) offsets.push((offsets[i] ?? 0) + sizes.readUInt32LE(i * 4));
  let at = Math.floor(count / 3);
  const chunks = Array.from({ length: Math.min(length, count) }, () => {
    at = random() < 0.12 ? Math.floor(random() * count) : Math.min(count - 1, at + 1);
    const offset = offsets[at] ?? 0;
    const path = files.find((file) => file.offset + file.sizeBytes > offset)?.path;
    return {
      number: at,
      offset,
      sizeBytes: sizes.readUInt32LE(at * 4),
      ...(path === undefined ? {} : { path }),
    };
  });
  return { diffId: map.diffId, chunks };
}
