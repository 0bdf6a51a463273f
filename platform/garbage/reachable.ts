import type { Bucket } from '@lade/bucket';
import { contentKey } from '@lade/content';
import { isCodedError } from '@lade/errors';
import { IMAGES_PREFIX, findImageRecord, imageNameOf, type ImageRecord } from '@lade/images';
import {
  CHAINS_PREFIX,
  LAYERS_PREFIX,
  NO_CHAIN_KEYS,
  chainKey,
  hotKey,
  indexKey,
  packKey,
  readChainRecord,
  readPackList,
} from '@lade/layers';
import { digestFromHash, type Digest } from '@lade/oci';
import { collectBytes, forEachConcurrently } from '@lade/streams';
import { isCollected, type ListedObject } from './object-kind.ts';
import { USES_PREFIX, decodeUses } from './uses-object.ts';

const READS = 8;
const MAX_USES_BYTES = 64 << 20;
/** A node that has told nothing for so long has gone. */
const NODE_MS = 30 * 86_400_000;

export interface ReachableOptions {
  readonly bucket: Bucket;
  /** What is younger is needed, and what it names: it may just be on its way. */
  readonly youngFromMs: number;
  readonly nowMs: number;
  readonly signal: AbortSignal;
  /** Packs of indexes that were read before, by key and version. */
  readonly packLists: Map<string, readonly Digest[]>;
}

export interface Reachable {
  readonly needed: ReadonlySet<string>;
  /** How many of them only young objects need. */
  readonly young: number;
}

/**
 * The keys that images, nodes and young objects need. Throws for what it cannot read: who knows what that needs. Nodes and
 * records are read anew at every call.
 */
export async function findReachable(
  objects: ReadonlyMap<string, ListedObject>,
  options: ReachableOptions,
): Promise<Reachable> {
  const needed = new Set<string>();
  await follow(await findRoots(objects, options), needed, objects, options);
  const old = needed.size;
  const young = [...objects].filter(
    ([key, { modifiedMs }]) => isCollected(key) && modifiedMs >= options.youngFromMs,
  );
  await follow(
    young.map(([key]) => key),
    needed,
    objects,
    options,
  );
  return { needed, young: needed.size - old };
}

/** Adds what is reachable from `roots`, if it is there. */
async function follow(
  roots: readonly string[],
  needed: Set<string>,
  objects: ReadonlyMap<string, ListedObject>,
  options: ReachableOptions,
): Promise<void> {
  let found = [...roots];
  while (found.length > 0) {
    const fresh = found.filter((key) => objects.has(key) && !needed.has(key));
    for (const key of fresh) needed.add(key);
    found = [];
    const read = async (key: string): Promise<void> =>
      void found.push(...(await namedBy(key, objects, options)));
    await forEachConcurrently(new Set(fresh), READS, read, options);
  }
}

async function findRoots(
  objects: ReadonlyMap<string, ListedObject>,
  { bucket, nowMs, signal }: ReachableOptions,
): Promise<string[]> {
  const named: string[] = [];
  const images = [...objects.keys()].filter((key) => key.startsWith(IMAGES_PREFIX));
  const nodes = [...objects].filter(
    ([key, { modifiedMs }]) => key.startsWith(USES_PREFIX) && nowMs - modifiedMs < NODE_MS,
  );
  const readImage = async (key: string): Promise<void> =>
    void named.push(...(await namedByImage(bucket, key, signal)));
  const readNode = async (key: string): Promise<void> =>
    void named.push(...(await namedByNode(bucket, key, signal)));
  await forEachConcurrently(images, READS, readImage, { signal });
  await forEachConcurrently(
    nodes.map(([key]) => key),
    READS,
    readNode,
    { signal },
  );
  return named;
}

async function namedByImage(bucket: Bucket, key: string, signal: AbortSignal): Promise<string[]> {
  const name = imageNameOf(key);
  const record = name === undefined ? undefined : await findImageRecord(bucket, name, { signal });
  return record ? namedByRecord(record) : [];
}

function namedByRecord({ target, manifests }: ImageRecord): string[] {
  return [
    contentKey(target.digest),
    ...manifests.flatMap(({ descriptor, config, diffIds, chainIds, layers }) => [
      ...[descriptor, config, ...layers].map(({ digest }) => contentKey(digest)),
      ...diffIds.map(indexKey),
      ...chainIds.map(chainKey),
    ]),
  ];
}

async function namedByNode(bucket: Bucket, key: string, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const { body } = await bucket.get(key, { signal });
    return decodeUses(await collectBytes(body, MAX_USES_BYTES), key);
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return [];
    throw reason;
  }
}

async function namedBy(
  key: string,
  objects: ReadonlyMap<string, ListedObject>,
  options: ReachableOptions,
): Promise<string[]> {
  const { bucket, signal, packLists } = options;
  if (key.startsWith(CHAINS_PREFIX)) {
    const record = await readChainRecord(bucket, digestIn(key, CHAINS_PREFIX), NO_CHAIN_KEYS, { signal });
    const parent = record?.parent === undefined ? [] : [chainKey(record.parent)];
    return record ? [indexKey(record.diffId), ...parent] : [];
  }
  if (!key.startsWith(LAYERS_PREFIX)) return [];
  const diffId = digestIn(key, LAYERS_PREFIX);
  const id = `${key}@${objects.get(key)?.version}`;
  const packs = packLists.get(id) ?? (await readPackList(bucket, diffId, { signal })) ?? [];
  packLists.set(id, packs);
  return [hotKey(diffId), ...packs.map(packKey)];
}

function digestIn(key: string, prefix: string): Digest {
  return digestFromHash(Buffer.from(key.slice(prefix.length), 'hex'));
}
