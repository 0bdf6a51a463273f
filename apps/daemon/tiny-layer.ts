import { randomBytes } from 'node:crypto';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeImage, type DirectoryInode } from '@lade/erofs';

const BLOCK_BYTES = 4096;

/** A layer to try a kernel with: one file, named `file`. */
export interface TinyLayer {
  readonly metadata: string;
  /** One block, still a hole. */
  readonly blob: string;
  /** An empty directory to mount it on. */
  readonly target: string;
}

/** Makes a layer whose file is as long as `text`; whoever fills the blob puts the text at its start. */
export async function writeTinyLayer(folder: string, text: string): Promise<TinyLayer> {
  const place = (name: string): string => join(folder, name);
  const layer = { metadata: place('meta.erofs'), blob: place('blob'), target: place('mounted') };
  const file = { kind: 'file', sizeBytes: Buffer.byteLength(text), blobBlock: 0 } as const;
  const attributes = {
    mode: 0o755,
    uid: 0,
    gid: 0,
    modified: { seconds: 0, nanoseconds: 0 },
    xattrs: new Map(),
  };
  const tree: DirectoryInode = {
    ...attributes,
    kind: 'directory',
    entries: new Map([['file', { ...attributes, ...file }]]),
  };
  const image = encodeImage(tree, { blobBlocks: 1, uuid: randomBytes(16), buildTime: 0 });
  await writeFile(layer.metadata, image.pieces());
  await writeFile(layer.blob, '');
  await truncate(layer.blob, BLOCK_BYTES);
  await mkdir(layer.target);
  return layer;
}
