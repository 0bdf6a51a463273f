import type { Bucket } from '@lade/bucket';
import { CodedError, isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';

export const SWEEP_KEY = 'refs/sweep';
const VERSION = 1;
const MAX_SWEEP_BYTES = 16 << 20;
/** What the clocks of two nodes may differ by. S3 refuses requests of a clock that is further off. */
const CLOCK_SKEW_MS = 15 * 60_000;

/** What the object `refs/sweep` says of the collection of garbage that runs, or of the last one. */
export interface Sweep {
  /** Another one whenever `keys` changes. */
  readonly id: string;
  /** The node that collects; missing when none does. */
  readonly holder?: string;
  /** ISO 8601, UTC: it removes nothing later than that, unless it has said a later time by then. */
  readonly until?: string;
  /** What may be removed at this moment: whoever does not use it yet must not begin to. */
  readonly keys: readonly string[];
}

/** Of a bucket whose garbage was never collected. */
const NO_SWEEP: Sweep = { id: 'none', keys: [] };

export interface StoredSweep {
  readonly sweep: Sweep;
  /** Undefined where there is no object. */
  readonly version: string | undefined;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Throws `data_loss`, `unimplemented` for a version that this release does not know. */
export async function readSweep(bucket: Bucket, options: WaitOptions = {}): Promise<StoredSweep> {
  try {
    const { body, version } = await bucket.get(SWEEP_KEY, options);
    return { sweep: decodeSweep(await collectBytes(body, MAX_SWEEP_BYTES)), version };
  } catch (reason) {
    if (isCodedError(reason, 'not_found')) return { sweep: NO_SWEEP, version: undefined };
    throw reason;
  }
}

/** One line of JSON. */
export function encodeSweep(sweep: Sweep): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: VERSION, ...sweep })}\n`);
}

/** Whether somebody may remove something, or is about to say what. */
export function isHeld({ until }: Sweep, nowMs: number): boolean {
  return until !== undefined && nowMs <= Date.parse(until) + CLOCK_SKEW_MS;
}

/** Whether this very object may be removed at this moment. */
export function isSwept(sweep: Sweep, keys: readonly string[], nowMs: number): boolean {
  if (sweep.keys.length === 0 || !isHeld(sweep, nowMs)) return false;
  const going = new Set(sweep.keys);
  return keys.some((key) => going.has(key));
}

function decodeSweep(bytes: Uint8Array): Sweep {
  const { version, id, holder, until, keys } = parse(bytes);
  if (version !== VERSION) {
    throw new CodedError('unimplemented', `Cannot read ${SWEEP_KEY}: version ${String(version)}`, {
      cure: 'Upgrade Lade on this node',
    });
  }
  const isSound =
    typeof id === 'string' &&
    (holder === undefined || typeof holder === 'string') &&
    (until === undefined || !Number.isNaN(Date.parse(until))) &&
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string');
  if (!isSound) throw damaged();
  return { id, keys, ...(holder === undefined ? {} : { holder }), ...(until === undefined ? {} : { until }) };
}

function parse(bytes: Uint8Array): Partial<Sweep> & { readonly version?: unknown } {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw damaged(cause);
  }
  throw damaged();
}

function damaged(cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot read ${SWEEP_KEY}: it is damaged`, {
    cure: 'Remove the object when no node has collected garbage for half an hour',
    cause,
  });
}
