import { CodedError, isCodedError, wrapError, type ErrorCode } from '@lade/errors';
import { OPERATION_CLASSES } from './count-operations.ts';
import type { RequestClass } from './requests.ts';
import type { BucketEvent } from './watch-bucket.ts';

/**
 * `unknown`: nothing was done yet. `unreachable`, `refused`: nothing has gone well since something failed, which may pass by itself, or
 * which somebody has to do something about. `degraded`: something has gone well since, but not of the kind (read, write, list, delete) that was
 * refused. `healthy`: none of these.
 */
export const BUCKET_STATES = ['unknown', 'healthy', 'degraded', 'refused', 'unreachable'] as const;

export type BucketState = (typeof BUCKET_STATES)[number];

export interface BucketFailure {
  readonly at: Date;
  readonly operation: BucketEvent['operation'];
  /** Of a list, the prefix. */
  readonly key: string;
  /** Names bucket and key; with a cure. */
  readonly error: CodedError;
}

export interface BucketCondition {
  readonly state: BucketState;
  /** When it came into this state. */
  readonly since: Date;
  readonly lastSuccessAt: Date | undefined;
  /** Also when all goes well again. */
  readonly lastFailure: BucketFailure | undefined;
}

const UNREACHABLE: readonly ErrorCode[] = ['unavailable', 'deadline_exceeded', 'resource_exhausted'];
/** What may be so for one kind of request alone. */
const OF_ONE_KIND: readonly ErrorCode[] = ['permission_denied', 'resource_exhausted', 'unimplemented'];
const REFUSED: readonly ErrorCode[] = ['permission_denied', 'unauthenticated', 'unimplemented'];
/** Of what was asked for, too: of the bucket only where somebody can do something about it. */
const REFUSED_WITH_CURE: readonly ErrorCode[] = ['failed_precondition', 'invalid_argument'];
const ANSWERS: readonly ErrorCode[] = ['not_found', 'already_exists', 'aborted', 'out_of_range'];
const CURE = 'Check the endpoint, the proxy and the network';

/** What the outcome of all that is done with a bucket says of its condition. Asks nothing itself. */
export class BucketHealth {
  readonly #location: string;
  readonly #failing = new Map<RequestClass, BucketFailure>();
  #condition: BucketCondition = {
    state: 'unknown',
    since: new Date(),
    lastSuccessAt: undefined,
    lastFailure: undefined,
  };

  /** The location stands in errors that do not name it. */
  constructor(location: string) {
    this.#location = location;
  }

  get condition(): BucketCondition {
    return this.#condition;
  }

  /** For watchBucket(). What says nothing of the bucket, such as work that was given up, counts for nothing. */
  readonly tell = (event: BucketEvent, reason?: unknown): void => {
    const verdict = judge(event, reason);
    if (verdict === undefined) return;
    const { operation, key } = event;
    const [at, kind] = [new Date(), OPERATION_CLASSES[operation]];
    // So that the newest is the last of them.
    this.#failing.delete(kind);
    if (verdict === 'answered') this.#reached();
    if (verdict !== 'answered') {
      const error = explain(reason, `Cannot ${operation} ${key} in ${this.#location}`);
      this.#failing.set(kind, { at, operation, key, error });
    }
    const standing = [...this.#failing.values()].at(-1);
    const { state: before, since, lastSuccessAt, lastFailure } = this.#condition;
    const state = verdict !== 'answered' ? verdict : standing ? 'degraded' : 'healthy';
    this.#condition = {
      state,
      since: state === before ? since : at,
      lastSuccessAt: verdict === 'answered' ? at : lastSuccessAt,
      lastFailure: standing ?? lastFailure,
    };
  };

  /** A bucket that answers anything is there, reachable, and knows who asks. */
  #reached(): void {
    for (const [kind, { error }] of this.#failing)
      if (!OF_ONE_KIND.includes(error.code)) this.#failing.delete(kind);
  }
}

function judge(
  { operation, code }: BucketEvent,
  reason: unknown,
): 'answered' | 'refused' | 'unreachable' | undefined {
  // No answer to a HEAD says whether it is the key or the bucket that is missing.
  if (operation === 'head' && code === 'not_found') return undefined;
  if (code === undefined || ANSWERS.includes(code)) return 'answered';
  if (UNREACHABLE.includes(code)) return 'unreachable';
  if (REFUSED.includes(code)) return 'refused';
  if (!REFUSED_WITH_CURE.includes(code)) return undefined;
  if (isCodedError(reason) && reason.cure !== undefined) return 'refused';
  return code === 'failed_precondition' ? 'answered' : undefined;
}

function explain(reason: unknown, attempted: string): CodedError {
  if (!isCodedError(reason)) return wrapError(reason, attempted, { cure: CURE });
  const { code, message, cure } = reason;
  return cure === undefined ? new CodedError(code, message, { cure: CURE, cause: reason }) : reason;
}
