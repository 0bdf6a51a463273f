import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm start -- [--once] [--containerd 2.1|1.7] [--bucket URL|obs|s3] [IMAGE [COMMAND…]]

Without IMAGE a Python image is put together from distribution packages. IMAGE is a reference, such as
docker.io/library/python:3.13, or the path of an OCI or docker archive. COMMAND is what its container runs.

The bucket is a folder; "obs" and "s3" have such a store played on loopback; with a URL (docs/reference/bucket.md) it is a fresh
prefix of that bucket, removed at the end.`;

export interface TourArguments {
  /** End by itself instead of waiting for Ctrl-C. */
  readonly isOnce: boolean;
  readonly containerdVersion: '1.7' | '2.1';
  /** A URL, or the name of a store to play. */
  readonly bucket: string | undefined;
  readonly image:
    | { readonly kind: 'assembled' }
    | { readonly kind: 'archive'; readonly path: string }
    | { readonly kind: 'reference'; readonly name: string };
  readonly command: readonly string[];
}

/** Undefined for arguments that make no sense, or a question for help. */
export function parseArguments(argv: readonly string[]): TourArguments | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: {
        once: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        containerd: { type: 'string', default: '2.1' },
        bucket: { type: 'string' },
      },
      allowPositionals: true,
    });
    const { once: isOnce, containerd: containerdVersion, bucket, help } = values;
    if (help || (containerdVersion !== '1.7' && containerdVersion !== '2.1')) return undefined;
    if (bucket !== undefined && !/^(obs|s3|[a-z\d]+:.*)$/.test(bucket)) return undefined;
    const [image, ...command] = positionals;
    return { isOnce, containerdVersion, bucket, image: imageOf(image), command };
  } catch {
    return undefined;
  }
}

function imageOf(text: string | undefined): TourArguments['image'] {
  if (text === undefined) return { kind: 'assembled' };
  return existsSync(text) ? { kind: 'archive', path: resolve(text) } : { kind: 'reference', name: text };
}
