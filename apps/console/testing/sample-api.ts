import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  BucketObject,
  ContainerSummary,
  ImageSummary,
  LayerFile,
  LayerMap,
  NodeSummary,
  LayerSummary,
  Status,
  Trace,
} from '@lade/control-protocol';
import { attend, containerEvents, pull, runEvents, type Session } from './sample-streams.ts';
import { detailOf, sampleContainers, withStarts } from './sample-containers.ts';
import { createEvents } from './sample-events.ts';
import {
  digestOf,
  sampleImages,
  sampleLayers,
  sampleMap,
  sampleStatus,
  sampleTrace,
  timeAfter,
} from './sample-node.ts';

export interface SampleNode {
  status: Status;
  images: ImageSummary[];
  layers: LayerSummary[];
  containers: ContainerSummary[];
  objects: BucketObject[];
  /** Chunks of every layer's map. */
  chunks: number;
  eventsPerSecond: number;
  /** Wanted for what changes something; undefined: nothing is. */
  token: string | undefined;
  /** Batches of touched chunks a second, and how many chunks each has. */
  touches: { perSecond: number; chunks: number };
  readonly sessions: Map<string, Session>;
  readonly inputs: string[];
}

export type Reply =
  | { readonly status: number; readonly document?: object }
  | { readonly events: AsyncIterable<object> };

export function createNode(change: Partial<SampleNode> = {}): SampleNode {
  return {
    status: sampleStatus(),
    images: sampleImages().map((image, i) => withStarts(image, i)),
    layers: sampleLayers(),
    containers: sampleContainers(),
    objects: sampleObjects(),
    chunks: 3200,
    eventsPerSecond: 4,
    token: undefined,
    touches: { perSecond: 5, chunks: 30 },
    sessions: new Map(),
    inputs: [],
    ...change,
  };
}

/** An empty node, as after its first start. */
export function createEmptyNode(): SampleNode {
  const status = { ...sampleStatus(), layers: 0, uploads: { waiting: 0 } };
  return createNode({ status, images: [], layers: [], containers: [], objects: [], eventsPerSecond: 0 });
}

interface SampleLayer {
  readonly map: LayerMap;
  readonly files: readonly LayerFile[];
  readonly trace: Trace;
}

const layers = new Map<string, SampleLayer>();

export function answer(node: SampleNode, request: IncomingMessage, body: Buffer, signal: AbortSignal): Reply {
  const url = new URL(request.url ?? '', 'http://localhost');
  const path = url.pathname.split('/').slice(2).map(decodeURIComponent);
  const method = request.method ?? 'GET';
  if (
    method !== 'GET' &&
    node.token !== undefined &&
    request.headers.authorization !== `Bearer ${node.token}`
  ) {
    return failure(
      401,
      'unauthenticated',
      'Cannot serve the request: it has no token',
      'The token is in /var/lib/lade/control-token on the daemon’s machine',
    );
  }
  const json = (): Record<string, unknown> => JSON.parse(body.toString('utf8')) as Record<string, unknown>;
  if (method === 'GET') return read(node, path, url.searchParams, signal);
  return change(node, { method, path, query: url.searchParams, json, body, signal });
}

function read(node: SampleNode, path: readonly string[], query: URLSearchParams, signal: AbortSignal): Reply {
  const [noun = '', id = '', part = ''] = path;
  if (noun === 'layers' && id !== '') return readLayer(node, id, part, signal);
  const documents: Readonly<Record<string, () => object>> = {
    status: () => ({ ...node.status, bucketRequests: countRequests() }),
    images: () => ({ images: node.images }),
    layers: () => ({ layers: node.layers }),
    containers: () => ({ containers: node.containers }),
    'bucket/objects': () => page(node, query),
    bucket: () => ({ listedAt: new Date().toISOString(), kinds: kindsOf(node) }),
    nodes: () => ({ nodes: node.images.length === 0 ? [] : NODES }),
  };
  if (part === 'logs') return { events: containerEvents(signal) };
  const container = noun === 'containers' ? node.containers.find((item) => item.id === id) : undefined;
  if (container) return ok(detailOf(container));
  if (noun === 'events') return { events: events(node, signal) };
  const document = documents[path.join('/')];
  return document ? ok(document()) : failure(404, 'not_found', `Cannot find ${path.join('/')}`);
}

function readLayer(node: SampleNode, id: string, part: string, signal: AbortSignal): Reply {
  if (part === 'activity') return { events: activity(node, signal) };
  const { map, files, trace } = layerOf(node, id);
  if (part === 'files') return { events: inBatches(files) };
  return ok(part === 'trace' ? trace : map);
}

interface Change {
  readonly method: string;
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly json: () => Record<string, unknown>;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

function change(node: SampleNode, { method, path, query, json, body, signal }: Change): Reply {
  const [noun, id = '', part] = path;
  if (noun === 'images' && id === 'pull') return { events: pull(node, String(json()['image']), signal) };
  if (noun === 'images' && method === 'DELETE') {
    node.images = node.images.filter(({ name }) => name !== query.get('image'));
    return { status: 204 };
  }
  if (noun === 'containers' && id === '') return { events: runEvents(node, json(), signal) };
  if (noun === 'containers' && part === 'exec') return { events: attend(node, signal) };
  if (noun === 'containers') {
    const state = 'stopped';
    node.containers =
      part === 'stop'
        ? node.containers.map((item) => (item.id === id ? { ...item, state, exitStatus: 143 } : item))
        : node.containers.filter((item) => item.id !== id);
    return { status: 204 };
  }
  if (noun === 'sessions' && part === 'input') {
    node.inputs.push(body.toString('utf8'));
    node.sessions.get(id)?.type(body);
    return { status: 204 };
  }
  if (noun === 'sessions') return { status: 204 };
  if (noun === 'bucket' && id === 'gc') return { events: collect(node, json()['dryRun'] === true) };
  return failure(404, 'not_found', `Cannot ${method} ${path.join('/')}`);
}

function ok(document: object): Reply {
  return { status: 200, document };
}

function failure(status: number, code: string, message: string, cure?: string): Reply {
  return { status, document: { error: { code, message, ...(cure === undefined ? {} : { cure }) } } };
}

function layerOf({ chunks }: SampleNode, diffId: string): SampleLayer {
  const key = `${diffId} ${chunks}`;
  const known = layers.get(key);
  if (known) return known;
  const { map, files } = sampleMap(diffId as `sha256:${string}`, chunks);
  const made = { map, files, trace: sampleTrace(map, files, 600) };
  layers.set(key, made);
  return made;
}

const FILES_AT_ONCE = 1000;

async function* inBatches(files: readonly LayerFile[]): AsyncGenerator<object> {
  for (let n = 0; n < files.length; n += FILES_AT_ONCE) yield { files: files.slice(n, n + FILES_AT_ONCE) };
}

async function* activity(node: SampleNode, signal: AbortSignal): AsyncGenerator<object> {
  const state = { at: Math.floor(node.chunks / 7) };
  while (!signal.aborted) {
    const { perSecond, chunks: many } = node.touches;
    const chunks = Array.from({ length: many }, (_, i) => (state.at + i) % node.chunks);
    state.at = (state.at + many) % node.chunks;
    yield { kind: 'resident', chunks };
    yield { kind: 'touched', chunks };
    yield { kind: 'waited', waits: 3, waitMs: 21.5 };
    await sleep(1000 / perSecond, undefined, { signal });
  }
}

async function* events(node: SampleNode, signal: AbortSignal): AsyncGenerator<object> {
  const next = createEvents();
  const begin = performance.now();
  if (node.eventsPerSecond > 0) for (let i = 0; i < 40; i++) yield next();
  let sent = 0;
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - begin) / 1000) * node.eventsPerSecond);
    for (; sent < due; sent++) yield next();
    await sleep(50, undefined, { signal });
  }
}

const NOTHING_ASKED = { requests: 0, errors: 0, sentBytes: 0, receivedBytes: 0 };
const ASKED = {
  read: { requests: 120_000, errors: 0, sentBytes: 48_000_000, receivedBytes: 2 ** 31 },
  write: { requests: 4000, errors: 0, sentBytes: 2 ** 30, receivedBytes: 0 },
  list: NOTHING_ASKED,
  delete: NOTHING_ASKED,
};

const NODES: readonly NodeSummary[] = [
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

function sampleObjects(): BucketObject[] {
  return FOLDERS.flatMap(([folder, many, size]) =>
    Array.from({ length: many }, (_, i) => ({
      key: `${folder}/sha256/${digestOf(`${folder} ${i}`).slice(7)}`,
      sizeBytes: Math.round(size * (0.6 + (i % 10) / 12)),
      modifiedAt: timeAfter(-i * 400),
    })),
  ).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function kindsOf({ objects }: SampleNode): object[] {
  const kinds = new Map<string, { kind: string; objects: number; bytes: number }>();
  for (const { key, sizeBytes } of objects) {
    const kind = key.split('/')[0] ?? '';
    const sum = kinds.get(kind) ?? { kind, objects: 0, bytes: 0 };
    kinds.set(kind, { kind, objects: sum.objects + 1, bytes: sum.bytes + sizeBytes });
  }
  return [...kinds.values()];
}

function page({ objects }: SampleNode, query: URLSearchParams): object {
  const [prefix, after, size] = [query.get('prefix') ?? '', query.get('after') ?? '', 100];
  const rest = objects.filter(({ key }) => key.startsWith(prefix) && key > after);
  const shown = rest.slice(0, size);
  return { objects: shown, ...(rest.length > size ? { next: shown.at(-1)?.key } : {}) };
}

async function* collect(node: SampleNode, dryRun: boolean): AsyncGenerator<object> {
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
function countRequests(): object {
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
