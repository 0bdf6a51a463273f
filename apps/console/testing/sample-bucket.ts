import { setTimeout as sleep } from 'node:timers/promises';
import type { BucketKind, BucketObject, NodeSummary } from '@lade/control-protocol';
import { digestOf, timeAfter } from './sample-node.ts';

const NOTHING_ASKED = { requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 };
const ASKED = {
  read: { requests: 120_000, errors: 0, sentBytes: 48_000_000, receivedBytes: 2 ** 31 },
  write: { requests: 4000, errors: 0, sentBytes: 2 ** 30, receivedBytes: 0 },
  list: NOTHING_ASKED,
  delete: NOTHING_ASKED,
};

export const NODES: readonly NodeSummary[] = [
  {
    name: 'node-a.internal',
    state: 'running',
    version: '0.1.0',
    seenAt: new Date().toISOString(),
    fillMode: 'fanotify',
    layers: 11,
    diskBytes: 412_000_000,
    uploadsWaiting: 0,
    startedAt: timeAfter(-90_000),
    countedSince: timeAfter(-90_000),
    requests: { '2026-11': ASKED },
  },
  {
    name: 'node-b.internal',
    state: 'gone',
    version: '0.1.0',
    seenAt: timeAfter(-7200),
    fillMode: 'fanotify',
    layers: 8,
    diskBytes: 204_000_000,
    uploadsWaiting: 0,
    startedAt: timeAfter(-90_000),
    countedSince: timeAfter(-90_000),
    requests: { '2026-11': ASKED },
  },
];

const FOLDERS = [
  ['chains', 190, 700],
  ['content', 140, 3_000_000],
  ['hot', 12, 9_000_000],
  ['layers', 190, 420_000],
  ['nodes', 2, 1200],
  ['packs', 2300, 16_000_000],
  ['refs', 36, 900],
] as const;

export function sampleObjects(): BucketObject[] {
  return FOLDERS.flatMap(([folder, many, size]) =>
    Array.from({ length: many }, (_, i) => ({
      key: `${folder}/sha256/${digestOf(`${folder} ${i}`).slice(7)}`,
      sizeBytes: Math.round(size * (0.6 + (i % 10) / 12)),
      modifiedAt: timeAfter(-i * 400),
    })),
  ).sort((a, b) => (a.key < b.key ? -1 : 1));
}

export function kindsOf(objects: readonly BucketObject[]): BucketKind[] {
  const kinds = new Map<string, BucketKind>();
  for (const { key, sizeBytes } of objects) {
    const kind = key.split('/')[0] ?? '';
    const sum = kinds.get(kind) ?? { kind, objects: 0, bytes: 0 };
    kinds.set(kind, { kind, objects: sum.objects + 1, bytes: sum.bytes + sizeBytes });
  }
  return [...kinds.values()];
}

export function pageOf(objects: readonly BucketObject[], query: URLSearchParams): object {
  const [prefix, after, size] = [query.get('prefix') ?? '', query.get('after') ?? '', 100];
  const rest = objects.filter(({ key }) => key.startsWith(prefix) && key > after);
  const shown = rest.slice(0, size);
  return { objects: shown, ...(rest.length > size ? { next: shown.at(-1)?.key } : {}) };
}

export async function* collect(node: { objects: BucketObject[] }, dryRun: boolean): AsyncGenerator<object> {
  const garbage = node.objects.filter(({ key }) => key.startsWith('packs/') && key.endsWith('0'));
  yield { kind: 'listed', objects: node.objects.length };
  for (const { key, sizeBytes } of garbage) {
    await sleep(1);
    yield { kind: dryRun ? 'garbage' : 'removed', key, sizeBytes };
  }
  if (!dryRun) node.objects = node.objects.filter((object) => !garbage.includes(object));
  const sum = (of: readonly BucketObject[]): number => of.reduce((all, { sizeBytes }) => all + sizeBytes, 0);
  const kept = node.objects.filter((object) => !garbage.includes(object));
  yield {
    kind: 'collected',
    dryRun,
    keptObjects: kept.length,
    keptBytes: sum(kept),
    garbageObjects: garbage.length,
    garbageBytes: sum(garbage),
    youngObjects: 17,
  };
}

const figures = { reads: 268, begin: Date.now() };

/** As of a node that reads all the time, and writes now and then. */
export function countRequests(): object {
  const seconds = (Date.now() - figures.begin) / 1000;
  const wave = seconds * 9 + 40 * Math.sin(seconds / 2);
  const reads = Math.max(figures.reads, Math.round(268 + wave + 40));
  figures.reads = reads;
  return {
    read: { requests: reads, errors: 0, sentBytes: reads * 410, receivedBytes: reads * 266_000 },
    write: {
      requests: 31 + Math.floor(seconds / 3),
      errors: 0,
      sentBytes: 118_000_000 + Math.floor(seconds / 3) * 4_100_000,
      receivedBytes: 9000,
    },
    list: { requests: 4, errors: 0, sentBytes: 1600, receivedBytes: 212_000 },
    delete: { requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 },
  };
}
