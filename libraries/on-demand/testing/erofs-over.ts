import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeImage, type FileInode } from '@lade/erofs';
import { mount, unmount } from '@lade/linux';

export interface ErofsMount extends AsyncDisposable {
  /** The one file in it, which has all of the blob. */
  readonly file: string;
}

/** An EROFS mount whose file data is in `blob`. */
export async function mountErofsOver(folder: string, blob: string, blobBlocks: number): Promise<ErofsMount> {
  const [image, target] = [join(folder, 'image'), join(folder, 'mount')];
  await mkdir(target, { recursive: true });
  const common = { uid: 0, gid: 0, modified: { seconds: 0, nanoseconds: 0 }, xattrs: new Map() };
  const file: FileInode = {
    ...common,
    mode: 0o644,
    kind: 'file',
    sizeBytes: blobBlocks * 4096,
    blobBlock: 0,
  };
  const root = { ...common, mode: 0o755, kind: 'directory', entries: new Map([['file', file]]) } as const;
  const encoded = encodeImage(root, { blobBlocks, uuid: new Uint8Array(16), buildTime: 0 });
  await writeFile(image, encoded.pieces());
  await mount({ type: 'erofs', source: image, target, options: ['ro', `device=${blob}`] });
  return {
    file: join(target, 'file'),
    [Symbol.asyncDispose]: () => unmount(target, { detach: true }),
  };
}
