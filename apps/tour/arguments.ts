import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm start -- [--once] [--containerd 2.1|1.7] [IMAGE [COMMAND…]]

Without IMAGE a Python image is put together from distribution packages. IMAGE is a reference, such as
docker.io/library/python:3.13, or the path of an OCI or docker archive. COMMAND is what its container runs.`;

export interface TourArguments {
  /** End by itself instead of waiting for Ctrl-C. */
  readonly isOnce: boolean;
  readonly containerdVersion: '1.7' | '2.1';
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
      },
      allowPositionals: true,
    });
    const { once: isOnce, containerd: containerdVersion, help } = values;
    if (help || (containerdVersion !== '1.7' && containerdVersion !== '2.1')) return undefined;
    const [image, ...command] = positionals;
    return { isOnce, containerdVersion, image: imageOf(image), command };
  } catch {
    return undefined;
  }
}

function imageOf(text: string | undefined): TourArguments['image'] {
  if (text === undefined) return { kind: 'assembled' };
  return existsSync(text) ? { kind: 'archive', path: resolve(text) } : { kind: 'reference', name: text };
}
