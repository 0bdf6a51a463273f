import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  BucketObject,
  ContainerSummary,
  ImageSummary,
  LayerFile,
  LayerMap,
  LayerSummary,
  Status,
  Trace,
} from '@lade/control-protocol';
import { attend, containerEvents, pull, runEvents, type Session } from './sample-streams.ts';
import { detailOf, sampleContainers, withStarts } from './sample-containers.ts';
import { NODES, collect, countRequests, kindsOf, pageOf, sampleObjects } from './sample-bucket.ts';
import { createEvents } from './sample-events.ts';
import { sampleHistory } from './sample-history.ts';
import { sampleImages, sampleLayers, sampleMap, sampleStatus, sampleTrace } from './sample-node.ts';

export interface SampleNode {
  status: Status;
  namespaces: string[];
  images: ImageSummary[];
  layers: LayerSummary[];
  containers: ContainerSummary[];
  objects: BucketObject[];
  /** Chunks of every layer's map. */
  chunks: number;
  eventsPerSecond: number;
  /** Wanted for what changes something; undefined: nothing is. */
  token: string | undefined;
  /** Its containers write nothing. */
  quiet: boolean;
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
    namespaces: ['default'],
    images: sampleImages().map((image, i) => withStarts(image, i)),
    layers: sampleLayers(),
    containers: sampleContainers(),
    objects: sampleObjects(),
    chunks: 3200,
    eventsPerSecond: 4,
    token: undefined,
    quiet: false,
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
    (method !== 'GET' || path[2] === 'logs') &&
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
    namespaces: () => ({ namespaces: node.namespaces }),
    layers: () => ({ layers: node.layers }),
    containers: () => ({
      containers: node.containers.filter((item) => item.namespace === query.get('namespace')),
    }),
    'bucket/history': () => sampleHistory(query, kindsOf(node.objects)),
    'bucket/objects': () => pageOf(node.objects, query),
    bucket: () => ({ listedAt: new Date().toISOString(), kinds: kindsOf(node.objects) }),
    nodes: () => ({ nodes: node.images.length === 0 ? [] : NODES }),
  };
  if (part === 'logs') return { events: node.quiet ? silence(signal) : containerEvents(signal) };
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

// oxlint-disable-next-line require-yield
async function* silence(signal: AbortSignal): AsyncGenerator<object> {
  await sleep(600_000, undefined, { signal });
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
