import type { Bucket } from '@lade/bucket';
import { contentKey, type ContentDigest, type ContentUses } from '@lade/content';
import { NodeUses, beginReuse } from '@lade/garbage';
import { chainKey, indexKey } from '@lade/layers';
import type { Logger } from '@lade/log';
import { listUsedLayers } from '@lade/snapshots';
import type { Database } from '@lade/sqlite';
import { nameNode } from './name-node.ts';

interface UsesParts {
  readonly bucket: Bucket;
  readonly root: string;
  readonly db: Database;
  readonly log: Logger;
  readonly content: () => Iterable<ContentDigest>;
}

/** Tells the bucket what the snapshots and the content of this node need of it. */
export function openUses({ bucket, root, db, log, content }: UsesParts): NodeUses {
  const current = (): string[] => [
    ...listUsedLayers(db).flatMap(({ diffId, chainId }) =>
      chainId === undefined ? [indexKey(diffId)] : [indexKey(diffId), chainKey(chainId)],
    ),
    ...[...content()].map(contentKey),
  ];
  return new NodeUses({ bucket, node: nameNode(root), current, log });
}

/** The port that content sees. */
export function contentUses(uses: NodeUses, bucket: Bucket): ContentUses {
  return {
    claim: async (digest) => uses.claim([contentKey(digest)]),
    async begin(digest, signal) {
      await uses.claim([contentKey(digest)]);
      return beginReuse(bucket, { signal });
    },
  };
}
