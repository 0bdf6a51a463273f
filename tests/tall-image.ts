import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf } from '@lade/oci';
import type { BuiltImage } from '@lade/sandbox';
import { encodeTar, gzipLayer, writeLayout, type FileEntry, type StoredLayer } from './broken-layers.ts';
import { readImage } from './testbed.ts';

/** Prints in a container all that layers of a tall image have made, but the times of directories. */
export const PRINT_TALL = [
  '/bin/busybox',
  'sh',
  '-c',
  `find() { busybox find /tower "$@" | busybox sort; }
   find | busybox xargs busybox stat -c "%n %F %a %u:%g"
   find -type f | busybox xargs busybox stat -c "%n %Y %s"
   find -type f | busybox xargs busybox cat`,
] as const;

/**
 * Writes an image of so many layers, with the layers of `base` (busybox) below. Each replaces files, removes some, and adds to
 * directories that it mostly has no entries for.
 */
export async function writeTallImage(
  layout: string,
  { name, layers, base }: { readonly name: string; readonly layers: number; readonly base: BuiltImage },
): Promise<void> {
  const below = await storedLayers(base);
  await writeLayout(layout, { [name]: [...below, ...storeys(layers - below.length)] });
}

/** Layers from the bottom, for what stands on so many storeys already. */
export function storeys(count: number, from = 0): StoredLayer[] {
  return Array.from({ length: count }, (_, i) => gzipLayer(encodeTar(...storey(from + i))));
}

async function storedLayers(image: BuiltImage): Promise<StoredLayer[]> {
  const { layers, diffIds } = await readImage(image);
  return Promise.all(
    layers.map(async (digest, i) => ({
      blob: await readFile(join(image.layout, 'blobs/sha256', hexOf(digest))),
      diffId: diffIds[i] ?? digest,
    })),
  );
}

function storey(i: number): FileEntry[] {
  const file = (path: string, text = `${path} ${i}\n`): FileEntry => ({
    path: `tower/${path}`,
    kind: 'file',
    content: Buffer.from(text),
    modified: { seconds: 1_600_000_000 + i, nanoseconds: i },
  });
  const folder = (path: string, mode: number): FileEntry => ({
    path: `tower/${path}`,
    kind: 'directory',
    mode,
    uid: i,
    gid: 1000 + i,
    modified: { seconds: 1_500_000_000 + i, nanoseconds: 0 },
  });
  return [
    ...(i % 5 === 0 ? [folder('', 0o755), folder('deep/', 0o2711), folder('deep/er/', 0o1770)] : []),
    ...(i % 7 === 3 ? [folder('again/', 0o750), file('again/.wh..wh..opq', '')] : []),
    file(`file-${i}`),
    file('roof'),
    file(`deep/er/${i}`),
    file(`again/${i}`),
    ...(i > 0 ? [file(`only/.wh.${i - 1}`, '')] : []),
    file(`only/${i}`),
  ];
}
