import { RateLimit } from './rate-limit.ts';
import type { BucketRequest, RequestClass } from './requests.ts';

export interface TrafficLimits {
  readonly requestsPerSecond?: number;
  /** In each direction. */
  readonly bytesPerSecond?: number;
}

/** What drivers ask and tell of each request, each try of it included. */
export interface Traffic {
  /** Resolves when the request may be made. */
  readonly enter?: (kind: RequestClass, sentBytes: number, signal?: AbortSignal) => Promise<void>;
  /** Resolves when these bytes of an answer may be handed on. */
  readonly receive?: (bytes: number, signal?: AbortSignal) => Promise<void>;
  /** An answer has begun: its Date, and how long it took. */
  readonly hear?: (date: string | undefined, tookMs: number) => void;
  /** The request is over. */
  readonly tell?: (request: BucketRequest) => void;
}

/** Reads go first, since containers wait for them. */
export function createTraffic(
  { requestsPerSecond, bytesPerSecond }: TrafficLimits,
  hear: Traffic['hear'],
  tell: Traffic['tell'],
): Traffic {
  const requests = requestsPerSecond === undefined ? undefined : new RateLimit(requestsPerSecond);
  const [sent, received] =
    bytesPerSecond === undefined ? [] : [bytesPerSecond, bytesPerSecond].map((rate) => new RateLimit(rate));
  return {
    async enter(kind, sentBytes, signal) {
      const priority = { isUrgent: kind === 'read', signal };
      await sent?.take(sentBytes, priority);
      await requests?.take(1, priority);
    },
    ...(received ? { receive: async (bytes, signal) => received.take(bytes, { signal }) } : {}),
    ...(hear ? { hear } : {}),
    ...(tell ? { tell } : {}),
  };
}
