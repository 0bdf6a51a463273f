import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { hexOf, isDigest, parseImageIndex, digestOf, type Descriptor, type Digest } from '@lade/oci';
import { parseRange } from './parse-range.ts';

/** One request that an origin answered. */
export interface OriginRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** The blob or manifest that was asked for, when there is such. */
  readonly digest?: Digest;
}

/** A read-only registry over plain HTTP on loopback. */
export interface Origin extends AsyncDisposable {
  /** As "127.0.0.1:35001"; an image is `<address>/<name>:<tag>`. */
  readonly address: string;
  /** Everything answered so far, in order of completion. */
  requests(): readonly OriginRequest[];
  /** Body bytes sent per blob or manifest. */
  bytesByDigest(): ReadonlyMap<Digest, number>;
}

/**
 * Serves the images of OCI layout folders (image-spec image-layout.md) by the OCI distribution spec: manifests by
 * tag or digest, blobs with HEAD and ranges. An image's name and tag are its `org.opencontainers.image.ref.name`.
 */
export async function startOrigin(layouts: readonly string[]): Promise<Origin> {
  const log: OriginRequest[] = [];
  const server = createServer((request, response) => {
    void answer(layouts, request, response, log);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => log,
    bytesByDigest: () => sumBytes(log),
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = server[Symbol.asyncDispose]();
      // Afterwards, when no new one can come.
      server.closeAllConnections();
      await closed;
    },
  };
}

function sumBytes(log: readonly OriginRequest[]): Map<Digest, number> {
  const sums = new Map<Digest, number>();
  for (const { digest, bytes } of log) if (digest) sums.set(digest, (sums.get(digest) ?? 0) + bytes);
  return sums;
}

interface Content {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly file: string;
  readonly size: number;
}

async function answer(
  layouts: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
  log: OriginRequest[],
): Promise<void> {
  const { method = 'GET', url: path = '/' } = request;
  const exchange: Exchange = { method, path, range: request.headers.range, response, bytes: 0 };
  let content: Content | undefined;
  try {
    content = await findContent(layouts, path);
    await reply(exchange, content);
  } catch {
    response.destroy();
  }
  const digest = content ? { digest: content.digest } : {};
  log.push({ method, path, status: response.statusCode, bytes: exchange.bytes, ...digest });
}

interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly response: ServerResponse;
  /** Body bytes sent so far. */
  bytes: number;
}

async function reply(exchange: Exchange, content: Content | undefined): Promise<void> {
  const { method, path, response } = exchange;
  if (method !== 'GET' && method !== 'HEAD') response.writeHead(405).end();
  else if (content) await replyWith(exchange, content);
  else if (path === '/v2/') response.writeHead(200).end('{}');
  else {
    const code = path.includes('/blobs/') ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
    response.writeHead(404).end(JSON.stringify({ errors: [{ code, message: path }] }));
  }
}

async function replyWith(exchange: Exchange, content: Content): Promise<void> {
  const { response } = exchange;
  const range = parseRange(exchange.range, content.size);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${content.size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: content.size - 1 };
  response.writeHead(range ? 206 : 200, {
    'content-type': content.mediaType,
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    'docker-content-digest': content.digest,
    etag: `"${content.digest}"`,
    ...(range ? { 'content-range': `bytes ${start}-${end}/${content.size}` } : {}),
  });
  if (exchange.method === 'HEAD' || content.size === 0) {
    response.end();
    return;
  }
  const file = createReadStream(content.file, { start, end, highWaterMark: 256 * 1024 });
  file.on('data', (chunk) => {
    exchange.bytes += chunk.length;
  });
  await pipeline(file, response);
}

async function findContent(layouts: readonly string[], path: string): Promise<Content | undefined> {
  const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/?]+)$/.exec(path);
  const [, name = '', kind, reference = ''] = match ?? [];
  for (const layout of layouts) {
    const manifests = parseImageIndex(await readFile(join(layout, 'index.json')), digestOf('')).manifests;
    const tagged = manifests.find(
      (it) => it.annotations?.['org.opencontainers.image.ref.name'] === `${name}:${reference}`,
    );
    const digest = isDigest(reference) ? reference : kind === 'manifests' ? tagged?.digest : undefined;
    const content = digest && (await contentIn(layout, digest, manifests));
    if (content) return content;
  }
  return undefined;
}

async function contentIn(
  layout: string,
  digest: Digest,
  manifests: readonly Descriptor[],
): Promise<Content | undefined> {
  const file = join(layout, 'blobs', 'sha256', hexOf(digest));
  const info = await stat(file).catch(() => undefined);
  const mediaType = manifests.find((it) => it.digest === digest)?.mediaType ?? 'application/octet-stream';
  return info && { digest, file, size: info.size, mediaType };
}
