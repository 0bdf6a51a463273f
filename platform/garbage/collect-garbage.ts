import type { Bucket } from '@lade/bucket';
import { CodedError } from '@lade/errors';
import type { Digest } from '@lade/oci';
import type { BucketContents } from './bucket-pages.ts';
import { CollectorLease } from './collector-lease.ts';
import { addObject, inOrderOfSize, type KindSizes } from './kind-sizes.ts';
import { inOrderOfRemoval, isCollected, listAll, type ListedObject } from './object-kind.ts';
import { findReachable } from './reachable.ts';

const DAY_MS = 86_400_000;
const DEFAULT_GRACE_DAYS = 7;
/** Announced at once; more are removed in several rounds. */
const MAX_ANNOUNCED = 20_000;
const BATCH_KEYS = 500;

export interface GarbageOptions {
  readonly bucket: Bucket;
  /** This node, as other nodes are told. */
  readonly node: string;
  /** Only tells. */
  readonly dryRun: boolean;
  /** What is younger is kept, and what it names. At least 1, default 7. */
  readonly graceDays?: number;
  readonly signal: AbortSignal;
  /** Called with what each listing has found. */
  readonly found?: (contents: BucketContents) => void;
  /** Default: Date.now. */
  readonly now?: () => number;
  /** Default 20,000. */
  readonly maxAnnounced?: number;
}

interface GarbageObject {
  readonly key: string;
  readonly sizeBytes: number;
}

export type GarbageEvent =
  | { readonly kind: 'listed'; readonly objects: number }
  | (GarbageObject & { readonly kind: 'garbage' | 'removed' })
  | (GarbageCount & { readonly kind: 'collected'; readonly dryRun: boolean });

interface GarbageCount {
  readonly keptObjects: number;
  readonly keptBytes: number;
  readonly garbageObjects: number;
  readonly garbageBytes: number;
  /** Needed by nobody, but younger than the grace time. */
  readonly youngObjects: number;
}

/**
 * Finds what no image and no node needs, and removes it (docs/reference/garbage.md). May be ended at any point. Throws
 * `failed_precondition` when another node collects, and what keeps it from knowing all that is needed.
 */
export async function* collectGarbage(options: GarbageOptions): AsyncGenerator<GarbageEvent> {
  const { graceDays = DEFAULT_GRACE_DAYS, dryRun } = options;
  if (!(graceDays >= 1)) {
    throw new CodedError(
      'invalid_argument',
      `Cannot collect garbage with a grace time of ${graceDays} days`,
      {
        cure: 'Give at least 1: what is being published must not be taken for garbage',
      },
    );
  }
  const survey = createSurvey(options, graceDays * DAY_MS);
  if (dryRun) yield* tell(await survey(options.signal));
  else yield* remove(options, survey);
}

interface Findings {
  readonly objects: ReadonlyMap<string, ListedObject>;
  /** In the order in which they may be removed. */
  readonly garbage: readonly string[];
  readonly count: GarbageCount;
}

type Survey = (signal: AbortSignal) => Promise<Findings>;

function createSurvey({ bucket, found, now = Date.now }: GarbageOptions, graceMs: number): Survey {
  const packLists = new Map<string, readonly Digest[]>();
  return async (signal) => {
    const nowMs = now();
    const youngFromMs = nowMs - graceMs;
    const objects = await listAll(bucket, { signal });
    found?.({ listedAt: new Date(nowMs), kinds: kindsOf(objects) });
    const { needed, young } = await findReachable(objects, { bucket, nowMs, youngFromMs, signal, packLists });
    const garbage = [...objects.keys()]
      .filter((key) => isCollected(key) && !needed.has(key))
      .sort(inOrderOfRemoval);
    return { objects, garbage, count: count(objects, garbage, young) };
  };
}

function kindsOf(objects: ReadonlyMap<string, ListedObject>): BucketContents['kinds'] {
  const kinds: KindSizes = new Map();
  for (const [key, { sizeBytes }] of objects) addObject(kinds, key, sizeBytes);
  return inOrderOfSize(kinds);
}

function count(
  objects: ReadonlyMap<string, ListedObject>,
  garbage: readonly string[],
  youngObjects: number,
): GarbageCount {
  const bytesOf = (keys: Iterable<string>): number => {
    let bytes = 0;
    for (const key of keys) bytes += objects.get(key)?.sizeBytes ?? 0;
    return bytes;
  };
  const garbageBytes = bytesOf(garbage);
  return {
    keptObjects: objects.size - garbage.length,
    keptBytes: bytesOf(objects.keys()) - garbageBytes,
    garbageObjects: garbage.length,
    garbageBytes,
    youngObjects,
  };
}

function* tell({ objects, garbage, count }: Findings): Generator<GarbageEvent> {
  yield { kind: 'listed', objects: objects.size };
  for (const key of garbage) yield { kind: 'garbage', key, sizeBytes: objects.get(key)?.sizeBytes ?? 0 };
  yield { kind: 'collected', dryRun: true, ...count };
}

async function* remove(options: GarbageOptions, survey: Survey): AsyncGenerator<GarbageEvent> {
  const { bucket, node, signal, now = Date.now, maxAnnounced = MAX_ANNOUNCED } = options;
  await using lease = await CollectorLease.take({ bucket, node, now, signal });
  const removed = { garbageObjects: 0, garbageBytes: 0 };
  for (;;) {
    const first = await survey(lease.signal);
    if (removed.garbageObjects === 0) yield { kind: 'listed', objects: first.objects.size };
    const announced = first.garbage.slice(0, maxAnnounced);
    if (announced.length === 0) {
      yield { kind: 'collected', dryRun: false, ...first.count, ...removed };
      return;
    }
    await lease.announce(announced);
    // Who began to use something before it was announced has told so by now.
    const { objects, garbage } = await survey(lease.signal);
    const going = garbage.filter((key) => new Set(announced).has(key));
    for (let at = 0; at < going.length; at += BATCH_KEYS) {
      const batch = going.slice(at, at + BATCH_KEYS);
      await lease.remove(batch);
      for (const key of batch) {
        const sizeBytes = objects.get(key)?.sizeBytes ?? 0;
        removed.garbageObjects++;
        removed.garbageBytes += sizeBytes;
        yield { kind: 'removed', key, sizeBytes };
      }
    }
    await lease.conclude();
  }
}
