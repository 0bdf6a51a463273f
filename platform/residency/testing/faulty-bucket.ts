import type { Bucket, ObjectBody, RangeOptions } from '@lade/bucket';
import type { ByteSource } from '@lade/streams';

/** What happens to one get. */
export interface Fault {
  /** Awaited before anything else. */
  readonly before?: () => Promise<void> | void;
  /** Changes the bytes that come. */
  readonly bytes?: (bytes: Uint8Array) => Uint8Array;
  /** Ends the body after so many bytes, with an error or, without one, in silence until the caller gives up. */
  readonly endAfter?: { readonly bytes: number; readonly error?: Error };
}

type Choose = (get: {
  readonly number: number;
  readonly key: string;
  readonly offset: number;
}) => Fault | undefined;

export interface FaultyBucket extends Bucket {
  /** Every get so far: its key and range. */
  readonly gets: { readonly key: string; readonly offset: number; readonly length: number | undefined }[];
  /** Tells what each get meets; may be changed at any time. */
  choose: Choose;
}

/** `bucket`, but each get meets the fault that `choose` gives it, or none. The number of the get counts from 1. */
export function faultyBucket(bucket: Bucket, choose: Choose = () => undefined): FaultyBucket {
  const own = { gets: [] as FaultyBucket['gets'], choose };
  const { gets } = own;
  const get = async (key: string, options: RangeOptions = {}): Promise<ObjectBody> => {
    const { offset = 0, length, signal } = options;
    // Looks for hints are nobody's business here.
    if (key.startsWith('hot/')) return bucket.get(key, options);
    gets.push({ key, offset, length });
    const fault = own.choose({ number: gets.length, key, offset });
    await fault?.before?.();
    signal?.throwIfAborted();
    const object = await bucket.get(key, options);
    return fault ? { ...object, body: spoil(object.body, fault, signal) } : object;
  };
  return new Proxy(bucket as FaultyBucket, {
    get(target, name) {
      if (name === 'get') return get;
      if (name in own) return Reflect.get(own, name) as unknown;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
    set: (_, name, value) => Reflect.set(own, name, value),
  });
}

async function* spoil(
  body: ByteSource,
  { bytes: change, endAfter }: Fault,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const whole = Buffer.concat(await Array.fromAsync(body));
  const changed = change ? change(whole) : whole;
  yield changed.subarray(0, endAfter?.bytes);
  if (endAfter?.error) throw endAfter.error;
  if (endAfter) await silence(signal);
}

/** Never resolves; rejects when aborted. */
async function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
