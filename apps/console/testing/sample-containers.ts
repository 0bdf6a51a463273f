import type { ContainerSummary, FileRead, ImageSummary, Start } from '@lade/control-protocol';
import { layerId, timeAfter } from './sample-node.ts';

const STARTED = { namespace: 'default', over: true } as const;

/** An image as it is told where it was started; the last one was not. */
export function withStarts(image: ImageSummary, number: number): ImageSummary {
  const starts = sampleStarts(number, image.name);
  return starts.length === 0 ? image : { ...image, starts };
}

function sampleStarts(image: number, name: string): readonly Start[] {
  const start = (of: Pick<Start, 'kind' | 'container' | 'ms'>, agoSeconds: number): Start => ({
    ...STARTED,
    image: name,
    startedAt: timeAfter(-agoSeconds),
    waits: 0,
    waitMs: 0,
    filledBytes: 0,
    ...of,
  });
  if (image === 0)
    return [
      start({ kind: 'warm', container: 'python-4f1c', ms: 241 }, 600),
      start({ kind: 'warm', container: 'python-3a90', ms: 263 }, 4_000),
      {
        ...start({ kind: 'cold', container: 'python-1b07', ms: 688 }, 8_000),
        pullMs: 1_310,
        waits: 88,
        waitMs: 640,
        filledBytes: 4_200_000,
      },
    ];
  return image === 1
    ? [
        { ...start({ kind: 'cold', container: 'web', ms: 398 }, 1_800), waits: 311, waitMs: 1930 },
        { ...start({ kind: 'first', container: 'web-0', ms: 342 }, 90_000), pullMs: 9_120 },
      ]
    : [];
}

export function sampleContainers(): ContainerSummary[] {
  const [python, nginx] = ['docker.io/library/python:3.13', 'docker.io/library/nginx:1.29'];
  const [ofPython, ofNginx] = [sampleStarts(0, python)[0], sampleStarts(1, nginx)[0]];
  return [
    {
      id: 'web',
      namespace: 'default',
      image: nginx,
      snapshotter: 'lade',
      createdAt: timeAfter(-1800),
      state: 'running',
      pid: 4211,
      startedAt: timeAfter(-1800),
      startMs: 412,
      hasLogs: true,
      layers: [layerId(1, 0), layerId(1, 1)],
      reads: {
        requests: 940,
        bytes: 14_200_000,
        waits: 311,
        waitMs: 1930,
        filledBytes: 9_800_000,
        unseenLayers: [layerId(1, 1)],
      },
      ...(ofNginx ? { start: ofNginx } : {}),
    },
    {
      id: 'python-4f1c',
      namespace: 'default',
      image: python,
      snapshotter: 'lade',
      createdAt: timeAfter(-600),
      state: 'stopped',
      startedAt: timeAfter(-600),
      startMs: 268,
      exitStatus: 0,
      exitedAt: timeAfter(-597),
      hasLogs: true,
      layers: [layerId(0, 0)],
      reads: {
        requests: 0,
        bytes: 0,
        waits: 0,
        waitMs: 0,
        filledBytes: 0,
        unseenLayers: [layerId(0, 0)],
      },
      ...(ofPython ? { start: ofPython } : {}),
    },
  ];
}

const FILES = [
  ['usr/sbin/nginx', 1_520_000, 1_120_000, 96, 812.4],
  ['usr/lib/x86_64-linux-gnu/libcrypto.so.3', 4_700_000, 2_310_000, 74, 540.2],
  ['usr/lib/x86_64-linux-gnu/libc.so.6', 1_920_000, 901_120, 0, 0],
  ['etc/nginx/nginx.conf', 648, 648, 1, 4.1],
] as const;

/** With what it has read, file by file. */
export function detailOf(container: ContainerSummary): ContainerSummary {
  const { reads, layers: [lowest] = [] } = container;
  if (!reads || !lowest || reads.requests === 0) return container;
  const files: FileRead[] = FILES.map(([path, sizeBytes, bytes, waits, waitMs]) => ({
    diffId: lowest,
    path,
    sizeBytes,
    bytes,
    waits,
    waitMs,
  }));
  const unattributed = { requests: 3, bytes: 12_288, waits: 1, waitMs: 3.2, filledBytes: 65_536 };
  return { ...container, reads: { ...reads, files, unattributed } };
}
