import type { Bucket, ObjectInfo } from '@lade/bucket';
import { CodedError } from '@lade/errors';

/** A bucket with a clock of its own, whose requests come in an order that a seed decides, and of which any may be the last. */
export interface AgingBucket {
  readonly now: () => number;
  pass(days: number): void;
  /** Lets whatever else is under way go on, for a while. */
  others(times: number): Promise<void>;
  /** The bucket as one process sees it: dead after `requests`, if that is given. */
  seenBy(requests?: number): Bucket;
}

/** Throws this in a process that is dead. */
class Died extends CodedError {
  constructor() {
    super('aborted', 'The process has died');
  }
}

export function hasDied(reason: unknown): boolean {
  return reason instanceof Died;
}

export function ageBucket(bucket: Bucket, random: () => number): AgingBucket {
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const putAt = new Map<string, number>();
  const dated = (info: ObjectInfo): ObjectInfo => ({
    ...info,
    modifiedAt: new Date(putAt.get(info.key) ?? nowMs),
  });
  const others = async (): Promise<void> => {
    // Mostly few, sometimes many, so that any two things may overlap in any way.
    for (let turns = Math.floor(random() ** 4 * 100); turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    async others(times) {
      for (; times > 0; times--) await others();
    },
    now: () => nowMs,
    pass(days) {
      nowMs += days * 86_400_000;
    },
    seenBy(requests = Infinity) {
      let left = requests;
      const request = async (): Promise<void> => {
        await others();
        if (left-- <= 0) throw new Died();
      };
      return {
        location: bucket.location,
        async put(key, body, options) {
          await request();
          const done = await bucket.put(key, body, options);
          putAt.set(key, nowMs);
          await others();
          return done;
        },
        async get(key, options) {
          await request();
          return bucket.get(key, options);
        },
        async head(key, options) {
          await request();
          return dated(await bucket.head(key, options));
        },
        async *list(prefix, options) {
          await request();
          for await (const info of bucket.list(prefix, options)) {
            yield dated(info);
            if (random() < 0.05) await request();
          }
        },
        async delete(keys, options) {
          // In any two parts, of which a crash may leave out the second.
          const middle = Math.floor(random() * (keys.length + 1));
          for (const part of [keys.slice(0, middle), keys.slice(middle)]) {
            await request();
            await bucket.delete(part, options);
          }
        },
        conditionalPuts: async (options) => bucket.conditionalPuts(options),
        async [Symbol.asyncDispose]() {},
      };
    },
  };
}
