import type { Caller, WaitOptions } from './container-calls.ts';
import type {
  BucketContents,
  BucketHistory,
  BucketObjects,
  GarbageEvent,
  GarbageRequest,
  HistoryQuery,
} from './messages-bucket.ts';

/** The bucket of a daemon. */
export class BucketCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async contents(options: WaitOptions = {}): Promise<BucketContents> {
    return (await this.#caller.document({ method: 'GET', path: '/v1/bucket', ...options })) as BucketContents;
  }

  async history(query: HistoryQuery = {}, options: WaitOptions = {}): Promise<BucketHistory> {
    const given = new URLSearchParams(Object.entries(query) as [string, string][]);
    const path = `/v1/bucket/history?${given.toString()}`;
    return (await this.#caller.document({ method: 'GET', path, ...options })) as BucketHistory;
  }

  /** A page; `after` is the `next` of the one before. */
  async objects(
    { prefix = '', after }: { readonly prefix?: string; readonly after?: string } = {},
    options: WaitOptions = {},
  ): Promise<BucketObjects> {
    const query = new URLSearchParams({ prefix, ...(after === undefined ? {} : { after }) });
    const path = `/v1/bucket/objects?${query.toString()}`;
    return (await this.#caller.document({ method: 'GET', path, ...options })) as BucketObjects;
  }

  collectGarbage(body: GarbageRequest, options: WaitOptions = {}): AsyncIterable<GarbageEvent> {
    return this.#caller.events<GarbageEvent>({ method: 'POST', path: '/v1/bucket/gc', body, ...options });
  }

  /** Only the bucket forgets it. */
  async removeImage(image: string, options: WaitOptions = {}): Promise<void> {
    const path = `/v1/bucket/images?${new URLSearchParams({ image }).toString()}`;
    await this.#caller.done({ method: 'DELETE', path, ...options });
  }
}
