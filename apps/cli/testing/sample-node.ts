import type { ImageSummary, LayerSummary, Status } from '@lade/control-protocol';
import { digestOf } from '@lade/oci';

export const NAME = 'docker.io/library/python:3.12';
export const BASE = digestOf('base');
export const APP = digestOf('app');
export const PUBLISHED_AT = '2026-11-21T01:02:03.000Z';

export const STATUS: Status = {
  version: '0.1.0',
  node: 'node-a-0123456789abcdef',
  root: '/var/lib/lade',
  bucket: 's3://bucket/prefix',
  bucketHealth: { state: 'healthy', since: '2026-11-01T10:00:00.000Z' },
  fillMode: 'full',
  containerdAddress: '/run/containerd/containerd.sock',
  containerd: '2.1.9',
  uploads: { waiting: 3, lastError: 'Cannot put packs/x: refused' },
  layers: 2,
  plainSnapshots: 1,
  residency: {
    fills: {
      bucket: { chunks: 30, bytes: 9_400_000 },
      hot: { chunks: 10, bytes: 2_600_000 },
      copied: { chunks: 2, bytes: 300_000 },
      adopted: { chunks: 1, bytes: 65_536 },
      zero: { chunks: 3, bytes: 196_608 },
    },
    fetchedBytes: 12_300_000,
    requests: 20,
    retries: 5,
    hedges: 4,
    verificationFailures: 7,
    healed: 6,
    failedChunks: 1,
    waits: 30,
    waitMs: 2500,
    readWaits: {
      bucket: { reads: 20, ms: 2400 },
      hot: { reads: 8, ms: 90 },
      copied: { reads: 1, ms: 1 },
      adopted: { reads: 0, ms: 0 },
      zero: { reads: 0, ms: 0 },
      none: { reads: 0, ms: 0 },
      failed: { reads: 1, ms: 9 },
    },
    evictedBytes: 0,
  },
  bucketRequests: {
    read: { requests: 900, errors: 2, sentBytes: 90_000, receivedBytes: 45_000_000 },
    write: { requests: 40, errors: 1, sentBytes: 12_000_000, receivedBytes: 8000 },
    list: { requests: 3, errors: 0, sentBytes: 600, receivedBytes: 5000 },
    delete: { requests: 1, errors: 0, sentBytes: 200, receivedBytes: 100 },
  },
  keeper: { restarts: 2 },
};

export const IMAGE: ImageSummary = {
  name: NAME,
  digest: digestOf('index'),
  platform: 'linux/amd64',
  inBucket: true,
  inContainerd: true,
  layers: [
    { diffId: BASE, chainId: BASE, sizeBytes: 45_000_000, here: true },
    { diffId: APP, chainId: APP, sizeBytes: 100_000, here: false },
  ],
  publishedAt: PUBLISHED_AT,
};

export const LAYER: LayerSummary = {
  diffId: BASE,
  origin: 'converted',
  tarBytes: 120_000_000,
  blobBytes: 110_000_000,
  residentBytes: 54_999_999,
  diskBytes: 111_500_000,
  inodes: 4321,
  createdAt: PUBLISHED_AT,
  uploaded: false,
};
