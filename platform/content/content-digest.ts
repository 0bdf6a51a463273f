import { createHash, type Hash } from 'node:crypto';
import { CodedError } from '@lade/errors';

type Algorithm = 'sha256' | 'sha384' | 'sha512';

/** A digest as the OCI image spec writes it, of one of the algorithms that containerd has. */
export type ContentDigest = `${Algorithm}:${string}`;

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;

/** Throws `invalid_argument`. */
export function parseContentDigest(text: string): ContentDigest {
  if (DIGEST.test(text)) return text as ContentDigest;
  throw new CodedError(
    'invalid_argument',
    `Cannot use ${JSON.stringify(text.slice(0, 160))} as a digest: want sha256:, sha384: or sha512: and its hex digits`,
  );
}

export function algorithmOf(digest: ContentDigest): Algorithm {
  return digest.slice(0, digest.indexOf(':')) as Algorithm;
}

/** `<algorithm>/<hex digits>`: part of file names and object keys. */
export function pathOf(digest: ContentDigest): string {
  return digest.replace(':', '/');
}

/** The digest that names `ref`, as containerd's fetchers make it: `…-<digest>`. */
export function digestInRef(ref: string): ContentDigest | undefined {
  const text = /-(sha\d+:[0-9a-f]+)$/.exec(ref)?.[1];
  return text !== undefined && DIGEST.test(text) ? (text as ContentDigest) : undefined;
}

/** The digest of what was fed so far, at any time. */
export class RunningDigest {
  readonly algorithm: Algorithm;
  #hash: Hash;

  constructor(algorithm: Algorithm) {
    this.algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  reset(): void {
    this.#hash = createHash(this.algorithm);
  }

  value(): ContentDigest {
    return `${this.algorithm}:${this.#hash.copy().digest('hex')}`;
  }
}
