import type {
  BucketContents,
  BucketHistory,
  BucketObjects,
  ContainerSummary,
  ExecRequest,
  GarbageEvent,
  GarbageRequest,
  HistoryQuery,
  ImageSummary,
  LayerFile,
  LayerFiles,
  LayerMap,
  LayerSummary,
  NodeSummary,
  OutputEvent,
  PullEvent,
  PullRequest,
  RunEvent,
  RunRequest,
  Status,
  TerminalSize,
  Trace,
} from '@lade/control-protocol';
import { readDocument, send, type WaitOptions } from './request.ts';
import { readEvents } from './stream.ts';

/* The daemon's API as functions: services/control/openapi.yaml. */

export async function fetchStatus(options: WaitOptions = {}): Promise<Status> {
  return readDocument({ path: '/status', ...options });
}

/** Of this node's containerd, by name. */
export async function fetchNamespaces(options: WaitOptions = {}): Promise<readonly string[]> {
  const document = await readDocument<{ namespaces: readonly string[] }>({ path: '/namespaces', ...options });
  return document.namespaces;
}

/** A list of the bucket is a request that clouds have a price for; of this node, an answer is always new. */
const BUCKET_AGE_S = 60;

export async function fetchImages(
  namespace: string,
  options: WaitOptions = {},
): Promise<readonly ImageSummary[]> {
  const document = await readDocument<{ images: readonly ImageSummary[] }>({
    path: '/images',
    query: { namespace, maxAge: BUCKET_AGE_S },
    ...options,
  });
  return document.images;
}

export function pullImage(request: PullRequest, options: WaitOptions): AsyncIterable<PullEvent> {
  return readEvents({ method: 'POST', path: '/images/pull', body: request, ...options });
}

export async function removeImage(image: string, namespace: string): Promise<void> {
  await send({ method: 'DELETE', path: '/images', query: { image, namespace } });
}

export async function fetchLayers(options: WaitOptions = {}): Promise<readonly LayerSummary[]> {
  return (await readDocument<{ layers: readonly LayerSummary[] }>({ path: '/layers', ...options })).layers;
}

export async function fetchLayerMap(diffId: string, options: WaitOptions = {}): Promise<LayerMap> {
  return readDocument({ path: `/layers/${encodeURIComponent(diffId)}`, ...options });
}

/** In the order of the blob. */
export async function fetchLayerFiles(
  diffId: string,
  options: WaitOptions = {},
): Promise<readonly LayerFile[]> {
  const found: LayerFile[] = [];
  const path = `/layers/${encodeURIComponent(diffId)}/files`;
  for await (const { files } of readEvents<LayerFiles>({ path, ...options })) found.push(...files);
  return found.sort((a, b) => a.offset - b.offset);
}

export async function fetchTrace(diffId: string, options: WaitOptions = {}): Promise<Trace> {
  return readDocument({ path: `/layers/${encodeURIComponent(diffId)}/trace`, ...options });
}

export async function fetchContainers(
  namespace: string,
  options: WaitOptions = {},
): Promise<readonly ContainerSummary[]> {
  const document = await readDocument<{ containers: readonly ContainerSummary[] }>({
    path: '/containers',
    query: { namespace },
    ...options,
  });
  return document.containers;
}

/** With the files that it has read. */
export async function fetchContainer(
  id: string,
  namespace: string,
  options: WaitOptions = {},
): Promise<ContainerSummary> {
  return readDocument({ path: `/containers/${encodeURIComponent(id)}`, query: { namespace }, ...options });
}

export function runContainer(request: RunRequest, options: WaitOptions = {}): AsyncIterable<RunEvent> {
  return readEvents({ method: 'POST', path: '/containers', body: request, ...options });
}

export async function stopContainer(id: string, namespace: string): Promise<void> {
  await send({ method: 'POST', path: `/containers/${encodeURIComponent(id)}/stop`, body: { namespace } });
}

export async function removeContainer(id: string, namespace: string, force: boolean): Promise<void> {
  const path = `/containers/${encodeURIComponent(id)}`;
  await send({ method: 'DELETE', path, query: { namespace, force: force || undefined } });
}

export function execInContainer(
  id: string,
  request: ExecRequest,
  options: WaitOptions,
): AsyncIterable<OutputEvent> {
  const path = `/containers/${encodeURIComponent(id)}/exec`;
  return readEvents({ method: 'POST', path, body: request, ...options });
}

export async function sendInput(session: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  await send({ method: 'POST', path: `/sessions/${encodeURIComponent(session)}/input`, body: bytes });
}

export async function sendSize(session: string, size: TerminalSize): Promise<void> {
  await send({ method: 'POST', path: `/sessions/${encodeURIComponent(session)}/size`, body: size });
}

export async function fetchBucket(options: WaitOptions = {}): Promise<BucketContents> {
  return readDocument({ path: '/bucket', ...options });
}

export async function fetchHistory(query: HistoryQuery, options: WaitOptions = {}): Promise<BucketHistory> {
  return readDocument({ path: '/bucket/history', query: { ...query }, ...options });
}

export async function fetchObjects(
  page: { readonly prefix?: string; readonly after?: string },
  options: WaitOptions = {},
): Promise<BucketObjects> {
  return readDocument({ path: '/bucket/objects', query: page, ...options });
}

export function collectGarbage(request: GarbageRequest, options: WaitOptions): AsyncIterable<GarbageEvent> {
  return readEvents({ method: 'POST', path: '/bucket/gc', body: request, ...options });
}

export async function fetchNodes(options: WaitOptions = {}): Promise<readonly NodeSummary[]> {
  return (await readDocument<{ nodes: readonly NodeSummary[] }>({ path: '/nodes', ...options })).nodes;
}
