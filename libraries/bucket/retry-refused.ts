import type { Credentials, RotatingCredentials } from '@lade/credentials';
import { isCodedError } from '@lade/errors';
import type { Bucket, ListOptions, ObjectInfo, WaitOptions } from './bucket.ts';
import { orAbort } from './or-abort.ts';

/**
 * The same bucket, but a request whose credentials the store refuses is made once more with others, where there are others by then. A
 * streamed body cannot be sent twice: such a put fails, and the next one has the new credentials.
 */
export function retryRefused(bucket: Bucket, credentials: RotatingCredentials): Bucket {
  const retry = async <T>({ signal }: WaitOptions = {}, work: () => Promise<T>): Promise<T> => {
    const current = async (): Promise<Credentials> => orAbort(credentials.get(), signal);
    const used = await current();
    try {
      return await work();
    } catch (reason) {
      if (!mayBeRefusal(reason)) throw reason;
      credentials.refuse(used);
      const { accessKeyId } = await current();
      if (accessKeyId === used.accessKeyId) throw reason;
      return work();
    }
  };
  const list = async function* (prefix: string, options?: ListOptions): AsyncGenerator<ObjectInfo> {
    const begin = async (): Promise<Begun> => {
      const objects = bucket.list(prefix, options)[Symbol.asyncIterator]();
      return { objects, first: await objects.next() };
    };
    const { objects, first } = await retry(options, begin);
    try {
      for (let next = first; !next.done; next = await objects.next()) yield next.value;
    } finally {
      await objects.return?.();
    }
  };
  return {
    location: bucket.location,
    put: async (key, body, options) =>
      body instanceof Uint8Array
        ? retry(options, async () => bucket.put(key, body, options))
        : bucket.put(key, body, options),
    get: async (key, options) => retry(options, async () => bucket.get(key, options)),
    head: async (key, options) => retry(options, async () => bucket.head(key, options)),
    list,
    delete: async (keys, options) => retry(options, async () => bucket.delete(keys, options)),
    conditionalPuts: async (options) => retry(options, async () => bucket.conditionalPuts(options)),
    [Symbol.asyncDispose]: async () => bucket[Symbol.asyncDispose](),
  };
}

/** The answer to a HEAD has no body that tells a refused key from a forbidden action. */
function mayBeRefusal(reason: unknown): boolean {
  if (isCodedError(reason, 'unauthenticated')) return true;
  return isCodedError(reason, 'permission_denied') && reason.details['name'] !== 'AccessDenied';
}

interface Begun {
  readonly objects: AsyncIterator<ObjectInfo>;
  readonly first: IteratorResult<ObjectInfo>;
}
