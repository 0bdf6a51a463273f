import assert from 'node:assert/strict';
import { isCodedError, type ErrorCode } from '@lade/errors';
import { MEDIA_TYPES, digestOf, type Descriptor, type Digest, type Platform } from '@lade/oci';
import type { ContentReader } from '../index.ts';

export const NAME = 'docker.io/library/python:3.12';
export const AMD64 = { os: 'linux', architecture: 'amd64' };
export const ARM64 = { os: 'linux', architecture: 'arm64', variant: 'v8' };
export const DIFF_IDS = [digestOf('base'), digestOf('app')];

/** A content store with the JSON of a real image in it. */
export class Content implements ContentReader {
  readonly blobs = new Map<Digest, Uint8Array>();

  async read(digest: Digest): Promise<Uint8Array | undefined> {
    return this.blobs.get(digest);
  }

  add(mediaType: string, value: object): Descriptor {
    const bytes = Buffer.from(JSON.stringify(value));
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  addManifest(
    platform: Platform,
    types: { config?: string; layer?: string; layers?: readonly Descriptor[] } = {},
  ): Descriptor {
    const rootfs = { type: 'layers', diff_ids: DIFF_IDS };
    const config = this.add(types.config ?? MEDIA_TYPES.config, {
      ...platform,
      rootfs,
      config: { Cmd: ['sh'] },
    });
    const mediaType = types.layer ?? MEDIA_TYPES.layerGzip;
    const layers =
      types.layers ?? DIFF_IDS.map((id) => ({ mediaType, digest: digestOf(`gzip of ${id}`), size: 1000 }));
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers };
    return { ...this.add(MEDIA_TYPES.manifest, manifest), platform };
  }

  addIndex(manifests: readonly Descriptor[]): Descriptor {
    return this.add(MEDIA_TYPES.index, { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests });
  }
}

/** For assert.rejects(): a coded error with this message, and this cure. */
export function failsWith(code: ErrorCode, message: RegExp, cure?: RegExp): (reason: unknown) => boolean {
  return (reason) => {
    assert.ok(isCodedError(reason, code), String(reason));
    assert.match(reason.message, message);
    if (cure) assert.match(reason.cure ?? '', cure);
    return true;
  };
}
