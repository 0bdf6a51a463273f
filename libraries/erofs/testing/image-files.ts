import { createHash } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeImage, type DirectoryInode, type FileInode, type Inode } from '../index.ts';
import { UUID } from './trees.ts';

/** An image and its blob as files in a folder that disposal removes. */
export interface ImageFiles extends AsyncDisposable {
  readonly folder: string;
  readonly image: string;
  readonly blob: string;
}

/** Encodes the tree and makes a sparse blob in which every block of a file repeats its block number. */
export async function writeImageFiles(root: DirectoryInode, blobBlocks: number): Promise<ImageFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'erofs-test-'));
  const files: ImageFiles = {
    folder,
    image: join(folder, 'image'),
    blob: join(folder, 'blob'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  await writeFile(
    files.image,
    encodeImage(root, { blobBlocks, uuid: UUID, buildTime: 1_700_000_000 }).pieces(),
  );
  await using blob = await open(files.blob, 'w');
  await blob.truncate(blobBlocks * 4096);
  for (const inode of filesBelow(root))
    await blob.write(contentOf(inode), 0, undefined, inode.blobBlock * 4096);
  return files;
}

/** What a file of a test blob holds, in hex SHA-256. */
export function contentHash(inode: FileInode): string {
  return createHash('sha256').update(contentOf(inode).subarray(0, inode.sizeBytes)).digest('hex');
}

function contentOf({ sizeBytes, blobBlock }: FileInode): Buffer {
  const content = Buffer.alloc(Math.ceil(sizeBytes / 4096) * 4096);
  for (let at = 0; at < content.length; at += 4096)
    content.fill(`block ${blobBlock + at / 4096} `, at, at + 4096);
  return content;
}

function filesBelow(inode: Inode): FileInode[] {
  if (inode.kind === 'file') return inode.sizeBytes === 0 ? [] : [inode];
  return inode.kind === 'directory' ? [...inode.entries.values()].flatMap(filesBelow) : [];
}
