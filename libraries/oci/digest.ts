import { createHash, hash } from 'node:crypto';
import { CodedError } from '@lade/errors';

/** A content digest as the OCI image spec writes it. Lade computes only sha256. */
export type Digest = `sha256:${string}`;

const SHA256 = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return SHA256.test(text);
}

/** Throws `invalid_argument` unless `text` is a lower-case sha256 digest. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new CodedError(
    'invalid_argument',
    `Cannot use ${JSON.stringify(text)} as a digest: want sha256: and 64 hex digits`,
  );
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${hash('sha256', bytes, 'hex')}`;
}

export function digestFromHash(raw: Uint8Array): Digest {
  return `sha256:${Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('hex')}`;
}

/** The 64 hex digits alone, for object keys and file names. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The 32 raw bytes. */
export function hashOf(digest: Digest): Uint8Array {
  return Buffer.from(hexOf(digest), 'hex');
}

/** Digest of a stream, fed piece by piece. */
export class Digester {
  readonly #hash = createHash('sha256');

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  finish(): Digest {
    return `sha256:${this.#hash.digest('hex')}`;
  }
}
