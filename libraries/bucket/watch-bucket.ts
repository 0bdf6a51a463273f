import { CodedError, codeOf, type ErrorCode } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import type { Bucket, ListOptions, ObjectInfo } from './bucket.ts';

/** What was done with one object of a bucket, or with the list of those below a prefix. */
export interface BucketEvent {
  readonly operation: 'put' | 'get' | 'head' | 'list' | 'delete';
  /** Of a list, the prefix. */
  readonly key: string;
  /** Of the body: of a put all that it should have, of a read what came. Of a head, the object's. */
  readonly bytes?: number;
  /** Where a range begins that is not the object's beginning. */
  readonly offset?: number;
  /** How many objects a list has named. */
  readonly objects?: number;
  /** Until it was done; of a read, until its last byte was taken or no more were wanted. */
  readonly ms: number;
  /** Why it failed; `cancelled` also when a body or a list was left before its end. */
  readonly code?: ErrorCode;
}

type Found = Pick<BucketEvent, 'bytes' | 'offset' | 'objects'>;
type End = (found: Found, reason?: unknown) => void;

const LEFT = new CodedError('cancelled', 'Cannot read on: nobody wanted more');

/**
 * The same bucket, which tells what is done with it, key by key, and what was thrown where it failed. A read whose body nobody touches is
 * told by nothing.
 */
export function watchBucket(bucket: Bucket, tell: (event: BucketEvent, reason?: unknown) => void): Bucket {
  const begin = (operation: BucketEvent['operation'], key: string, begun: Found = {}): End => {
    const started = performance.now();
    return (found, reason) => {
      const ms = Math.round((performance.now() - started) * 10) / 10;
      const code = reason === undefined ? {} : { code: codeOf(reason) };
      tell({ operation, key, ...begun, ...found, ms, ...code }, reason);
    };
  };
  return {
    location: bucket.location,
    async put(key, body, options) {
      const bytes = options?.sizeBytes ?? (body instanceof Uint8Array ? body.byteLength : 0);
      const end = begin('put', key, { bytes });
      return ended(bucket.put(key, body, options), end);
    },
    async get(key, options) {
      const offset = options?.offset ?? 0;
      const end = begin('get', key, offset === 0 ? {} : { offset });
      try {
        const object = await bucket.get(key, options);
        return { ...object, body: watchBody(object.body, end) };
      } catch (reason) {
        end({}, reason);
        throw reason;
      }
    },
    async head(key, options) {
      return ended(bucket.head(key, options), begin('head', key), ({ sizeBytes }) => ({ bytes: sizeBytes }));
    },
    list: (prefix, options) => watchList(bucket, { prefix, options, end: begin('list', prefix) }),
    async delete(keys, options) {
      const ends = keys.map((key) => begin('delete', key));
      await ended(bucket.delete(keys, options), (_, reason) => ends.forEach((end) => end({}, reason)));
    },
    conditionalPuts: async (options) => bucket.conditionalPuts(options),
    [Symbol.asyncDispose]: async () => bucket[Symbol.asyncDispose](),
  };
}

async function ended<T>(work: Promise<T>, end: End, find: (result: T) => Found = () => ({})): Promise<T> {
  try {
    const result = await work;
    end(find(result));
    return result;
  } catch (reason) {
    end({}, reason);
    throw reason;
  }
}

/** Hands on each piece as it came. No generator, which would cost further turns of the event loop for each of them. */
function watchBody(body: ByteSource, end: End): ByteSource {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body[Symbol.asyncIterator]();
      let bytes = 0;
      let isOver = false;
      const over = (reason?: unknown): void => {
        if (!isOver) end({ bytes }, reason);
        isOver = true;
      };
      return {
        async next() {
          try {
            const piece = await pieces.next();
            if (piece.done) over();
            else bytes += piece.value.byteLength;
            return piece;
          } catch (reason) {
            over(reason);
            throw reason;
          }
        },
        async return() {
          over(LEFT);
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

async function* watchList(
  bucket: Bucket,
  list: { readonly prefix: string; readonly options: ListOptions | undefined; readonly end: End },
): AsyncGenerator<ObjectInfo> {
  let objects = 0;
  let outcome: unknown = LEFT;
  try {
    for await (const object of bucket.list(list.prefix, list.options)) {
      objects++;
      yield object;
    }
    outcome = undefined;
  } catch (reason) {
    outcome = reason;
    throw reason;
  } finally {
    list.end({ objects }, outcome);
  }
}
