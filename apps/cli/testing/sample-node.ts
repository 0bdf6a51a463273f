import type { ImageSummary, LayerSummary } from '@lade/control-protocol';
import { digestOf } from '@lade/oci';

export const NAME = 'docker.io/library/python:3.12';
export const BASE = digestOf('base');
export const APP = digestOf('app');
export const PUBLISHED_AT = '2026-11-21T01:02:03.000Z';

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
