import { fromUnknown, wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { parseReference, type Descriptor, type Reference } from '@lade/oci';
import { inSpan } from '@lade/tracing';
import { fetchImage, type FetchOptions } from './fetch-image.ts';
import type { ImageRecord } from './image-record.ts';
import type { PullEvent } from './pull-event.ts';
import { findImageRecord } from './read-image-record.ts';
import type { RegistryImage } from './read-registry-image.ts';
import { restoreImage, restoreRecord, type RestoreOptions } from './restore-image.ts';

export type PullSource = 'any' | 'bucket' | 'registry';

export interface PullOptions extends RestoreOptions, Omit<FetchOptions, 'image'> {
  readonly node: FetchOptions['node'];
  readonly from: PullSource;
  /** Asks nothing yet. */
  readonly registry: (reference: Reference) => RegistryImage;
  readonly log: Logger;
}

/** Who is asked and says nothing for so long does not hold up the other one. */
const BUCKET_MS = 5_000;
const REGISTRY_MS = 3_000;

/**
 * Brings an image into this node's containerd, under its full name. From `any`, the registry says what a tag points at where it answers
 * soon, else the bucket does; the image is then taken from the bucket if that knows it, and else from the registry. A name
 * that is not a full one is first looked for in the bucket as it stands. Whatever the source, layers that the bucket has are
 * not downloaded.
 */
export async function* pullImage(name: string, options: PullOptions): AsyncGenerator<PullEvent> {
  const { from } = options;
  const reference = parseReference(name);
  const fetching = { ...options, image: options.registry(reference) };
  if (from === 'registry') {
    yield* fetchImage(reference, undefined, fetching);
    return;
  }
  const { record: exact } = name === reference.name ? {} : await lookUp(name, options);
  if (exact) yield* restoreRecord(exact, options);
  else if (from === 'bucket') yield* restoreImage(reference.name, options);
  else yield* pullFromAny(reference, fetching);
}

async function* pullFromAny(
  reference: Reference,
  options: PullOptions & Pick<FetchOptions, 'image'>,
): AsyncGenerator<PullEvent> {
  const { bucket, log, signal } = options;
  const { name, digest: wanted } = reference;
  const asked = wanted === undefined ? resolveSoon(name, options) : undefined;
  const [{ record, state }, current] = await Promise.all([lookUp(name, options), asked]);
  if (!record) {
    try {
      yield* fetchImage(reference, current, options);
    } catch (reason) {
      throw wrapError(reason, `Cannot pull image ${name}, for ${bucket.location} ${state}`);
    }
    return;
  }
  const digest = wanted ?? current?.digest ?? record.target.digest;
  if (record.target.digest !== digest) {
    yield* fetchImage(reference, current, options);
    return;
  }
  try {
    yield* restoreRecord(record, options);
  } catch (reason) {
    signal?.throwIfAborted();
    const target = current ?? (await resolveSoon(name, options));
    if (!target) throw reason;
    log.warn('image not restored from the bucket, asking the registry', { image: name, error: reason });
    yield* fetchImage(reference, target, options);
  }
}

/** The image's record; without one, what the bucket has to say. */
async function lookUp(
  name: string,
  { bucket, signal }: PullOptions,
): Promise<{ readonly record?: ImageRecord; readonly state?: string }> {
  try {
    const record = await findImageRecord(bucket, name, { signal: within(BUCKET_MS, signal) });
    return record ? { record } : { state: 'does not have it' };
  } catch (reason) {
    signal?.throwIfAborted();
    return { state: `fails (${fromUnknown(reason).message})` };
  }
}

/** What the name points at, or undefined where the registry does not say so in time. */
async function resolveSoon(
  name: string,
  { image, log, signal }: PullOptions & Pick<FetchOptions, 'image'>,
): Promise<Descriptor | undefined> {
  try {
    return await inSpan('resolve', { attributes: { 'lade.image': name } }, async () =>
      image.resolve({ signal: within(REGISTRY_MS, signal) }),
    );
  } catch (reason) {
    signal?.throwIfAborted();
    log.debug('registry does not tell what a name points at', { image: name, error: reason });
    return undefined;
  }
}

function within(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const deadline = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([signal, deadline]) : deadline;
}
