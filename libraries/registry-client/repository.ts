import { CodedError } from '@lade/errors';
import {
  MEDIA_TYPES,
  digestOf,
  isDigest,
  isIndexType,
  isManifestType,
  type Descriptor,
  type Digest,
  type Reference,
} from '@lade/oci';
import { collectBytes } from '@lade/streams';
import { readBlob } from './read-blob.ts';
import type { RepositoryRequests } from './repository-requests.ts';

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** No manifest is larger; registries commonly refuse above 4 MiB. */
const MAX_MANIFEST_BYTES = 8 << 20;
const { index, manifest, dockerList, dockerManifest } = MEDIA_TYPES;
const ACCEPT = { accept: [index, manifest, dockerList, dockerManifest].join(', ') };

/** Where one image is in its registry: the pull half of the OCI distribution spec. Errors name image and cure. */
export class Repository {
  readonly #reference: Reference;
  readonly #requests: RepositoryRequests;

  constructor(reference: Reference, requests: RepositoryRequests) {
    this.#reference = reference;
    this.#requests = requests;
  }

  /** What the image's digest or tag points at now: an index or a manifest. Throws `unimplemented` for anything else. */
  async resolve(options: WaitOptions = {}): Promise<Descriptor> {
    const { name, tag = '', digest: wanted } = this.#reference;
    const request = {
      path: `manifests/${wanted ?? tag}`,
      headers: ACCEPT,
      attempted: `Cannot find image ${name}`,
    };
    const head = await this.#requests.send({ ...request, method: 'HEAD', ...options });
    head.resume();
    const mediaType = typeIn(head.headers['content-type']);
    const digest = wanted ?? head.headers['docker-content-digest']?.toString() ?? '';
    const size = Number(head.headers['content-length']);
    // Which a HEAD need not tell.
    const isWhole = isDigest(digest) && size > 0 && isImageType(mediaType);
    return isWhole ? { mediaType, digest, size } : this.#describe(request, options);
  }

  /** The manifest or index of a descriptor, as it is: its digest is checked. */
  async manifest({ digest }: { readonly digest: Digest }, options: WaitOptions = {}): Promise<Uint8Array> {
    const attempted = `Cannot read manifest ${digest} of ${this.#reference.name}`;
    const request = { path: `manifests/${digest}`, headers: ACCEPT, attempted };
    const response = await this.#requests.send({ ...request, method: 'GET', ...options });
    return check(await collectBytes(response, MAX_MANIFEST_BYTES), digest, attempted);
  }

  /** A blob's bytes, from `offset` on, whatever becomes of the connection. Throws `data_loss` for others: see readBlob(). */
  blob(
    blob: Descriptor,
    { offset = 0, ...options }: WaitOptions & { readonly offset?: number } = {},
  ): AsyncGenerator<Uint8Array> {
    const attempted = `Cannot read blob ${blob.digest} of ${this.#reference.name}`;
    return readBlob(this.#requests, { blob, offset, attempted, ...options });
  }

  async #describe(
    request: { readonly path: string; readonly headers: typeof ACCEPT; readonly attempted: string },
    options: WaitOptions,
  ): Promise<Descriptor> {
    const response = await this.#requests.send({ ...request, method: 'GET', ...options });
    const bytes = await collectBytes(response, MAX_MANIFEST_BYTES);
    const mediaType = typeIn(response.headers['content-type']);
    const digest = this.#reference.digest ?? digestOf(bytes);
    check(bytes, digest, request.attempted);
    if (isImageType(mediaType)) return { mediaType, digest, size: bytes.byteLength };
    throw new CodedError('unimplemented', `${request.attempted}: it is ${mediaType || 'of no type'}`, {
      cure: 'Use an image of OCI or of docker’s second schema',
    });
  }
}

function isImageType(mediaType: string): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType);
}

function typeIn(contentType: string | undefined): string {
  return contentType?.split(';', 1)[0]?.trim() ?? '';
}

function check(bytes: Uint8Array, digest: Digest, attempted: string): Uint8Array {
  const actual = digestOf(bytes);
  if (actual === digest) return bytes;
  throw new CodedError('data_loss', `${attempted}: its digest is ${actual}, not ${digest}`);
}
