import type { BucketWork } from '@lade/control-service';
import { BucketSummary, collectGarbage, readObjectsPage } from '@lade/garbage';
import type { History } from '@lade/history';
import { imageKey, readImageRecord } from '@lade/images';
import { isCodedError } from '@lade/errors';
import { nameNode } from './name-node.ts';
import type { Platform } from './open-platform.ts';
import { nameInBucket } from './stored-image.ts';

/** What the control API can do with the bucket itself. */
export function createBucketWork({ bucket, images }: Platform, history: History, root: string): BucketWork {
  const summary = new BucketSummary(bucket);
  return {
    async contents({ signal }) {
      const contents = await summary.read({ signal });
      history.found(contents);
      return { ...contents, listedAt: contents.listedAt.toISOString() };
    },
    history: (query) => history.read(query),
    async objects({ prefix, after }, { signal }) {
      const { objects, next } = await readObjectsPage(bucket, { prefix, after, signal });
      return {
        objects: objects.map(({ key, sizeBytes, modifiedAt }) => ({
          key,
          sizeBytes,
          modifiedAt: modifiedAt.toISOString(),
        })),
        ...(next === undefined ? {} : { next }),
      };
    },
    collectGarbage: (request, { signal }) =>
      collectGarbage({
        bucket,
        node: nameNode(root),
        ...request,
        found: (contents) => history.found(contents),
        signal,
      }),
    async removeImage(image, { signal }) {
      // A damaged record can be removed too.
      const name = (await nameInBucket(image, bucket, signal)) ?? image;
      await readImageRecord(bucket, name, { signal }).catch((reason: unknown) => {
        if (!isCodedError(reason, 'data_loss')) throw reason;
      });
      await bucket.delete([imageKey(name)], { signal });
      images.changed();
    },
  };
}
