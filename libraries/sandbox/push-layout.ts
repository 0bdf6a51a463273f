import { openAsBlob } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@lade/errors';
import {
  digestOf,
  hexOf,
  isIndexType,
  isManifestType,
  parseImageIndex,
  parseManifest,
  type Descriptor,
  type Digest,
} from '@lade/oci';

interface PushTarget {
  /** As "127.0.0.1:35005". */
  readonly address: string;
  readonly repository: string;
  readonly tag: string;
  /** Of a login. */
  readonly authorization?: string;
}

/** Pushes the one image of an OCI layout folder, by the OCI distribution spec over plain HTTP. Resolves with what the tag points at. */
export async function pushLayout(layout: string, target: PushTarget): Promise<Descriptor> {
  const [top] = parseImageIndex(await readFile(join(layout, 'index.json')), digestOf('')).manifests;
  if (!top) throw new CodedError('not_found', `Cannot push ${layout}: it has no image`);
  await pushManifest(layout, top, { ...target, reference: target.tag });
  return { mediaType: top.mediaType, digest: top.digest, size: top.size };
}

async function pushManifest(
  layout: string,
  { digest, mediaType }: Descriptor,
  target: PushTarget & { readonly reference: string },
): Promise<void> {
  const bytes = await readFile(blobPath(layout, digest));
  if (isIndexType(mediaType)) {
    for (const child of parseImageIndex(bytes, digest).manifests)
      await pushManifest(layout, child, { ...target, reference: child.digest });
  } else if (isManifestType(mediaType)) {
    const { config, layers } = parseManifest(bytes, digest);
    for (const blob of [config, ...layers]) await pushBlob(layout, blob.digest, target);
  }
  const url = `${urlOf(target)}/manifests/${target.reference}`;
  await send(url, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } }, target);
}

async function pushBlob(layout: string, digest: Digest, target: PushTarget): Promise<void> {
  const { headers } = await send(`${urlOf(target)}/blobs/uploads/`, { method: 'POST' }, target);
  const upload = new URL(headers.get('location') ?? '', urlOf(target));
  upload.searchParams.set('digest', digest);
  const body = await openAsBlob(blobPath(layout, digest));
  await send(
    upload.href,
    { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' } },
    target,
  );
}

async function send(
  url: string,
  request: { method: string; body?: Uint8Array<ArrayBuffer> | Blob; headers?: Record<string, string> },
  { authorization }: PushTarget,
): Promise<Response> {
  const login = authorization === undefined ? {} : { authorization };
  const response = await fetch(url, { ...request, headers: { ...request.headers, ...login } });
  const said = await response.text();
  if (response.ok) return response;
  throw new CodedError(
    'unavailable',
    `Cannot push to ${url}: the registry answers ${response.status} ${said}`,
  );
}

function urlOf({ address, repository }: PushTarget): string {
  return `http://${address}/v2/${repository}`;
}

function blobPath(layout: string, digest: Digest): string {
  return join(layout, 'blobs/sha256', hexOf(digest));
}
