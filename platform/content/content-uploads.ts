import { isCodedError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { QueueWorker } from '@lade/sqlite';
import { inSpan } from '@lade/tracing';
import type { Bucket } from '@lade/bucket';
import type { ContentDigest } from './content-digest.ts';
import type { ContentFolder } from './content-folder.ts';
import type { ContentTable } from './content-table.ts';
import type { ContentUses } from './content-uses.ts';
import { uploadContent } from './upload-content.ts';

export interface ContentUploadsParts {
  readonly folder: ContentFolder;
  readonly table: ContentTable;
  readonly bucket: Bucket;
  readonly log: Logger;
  /** Whether an object that the bucket may have is known to be damaged. */
  readonly isUnusable: (digest: ContentDigest) => boolean;
  readonly uses: ContentUses;
  /** Waits until an upload disturbs nobody. */
  readonly turn: (signal: AbortSignal) => Promise<void>;
  /** The bucket has it from now on. */
  readonly uploaded: (digest: ContentDigest, sizeBytes: number) => void;
  /** It cannot be uploaded: this node lacks its bytes. */
  readonly dropped: (digest: ContentDigest) => void;
}

/** Uploads what the content table says the bucket may lack. */
export function createContentUploads(parts: ContentUploadsParts): QueueWorker<ContentDigest> {
  const { folder, table, bucket, log } = parts;
  const leave = (digest: ContentDigest): void => {
    if (table.uploaded(digest)) folder.remove(folder.blobPath(digest));
  };
  const queue = {
    first: () => table.firstUpload(),
    moveToEnd: (id: number) => table.moveToEnd(id),
    remove: () => {}, // leave() has done it, together with the file
  };
  const work = {
    name: 'content upload',
    async run(digest: ContentDigest, signal: AbortSignal) {
      await parts.turn(signal);
      const replace = parts.isUnusable(digest);
      try {
        const path = folder.blobPath(digest);
        const reuse = await parts.uses.begin(digest, signal);
        const sizeBytes = await inSpan(
          'upload content',
          { attributes: { 'lade.digest': digest } },
          async () => uploadContent(digest, path, { bucket, replace, signal }),
        );
        await reuse.confirm();
        leave(digest);
        parts.uploaded(digest, sizeBytes);
      } catch (reason) {
        if (!isHopeless(reason)) throw reason;
        leave(digest);
        parts.dropped(digest);
        throw reason;
      }
    },
    describe: (digest: ContentDigest) => ({ digest }),
    isHopeless,
  };
  return new QueueWorker(queue, work, log);
}

function isHopeless(reason: unknown): boolean {
  return (
    (isCodedError(reason, 'not_found') || isCodedError(reason, 'data_loss')) &&
    reason.details['localContent'] !== undefined
  );
}
