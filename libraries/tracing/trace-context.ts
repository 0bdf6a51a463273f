import { randomFillSync } from 'node:crypto';

/** Which trace something belongs to, and what has caused it: W3C's Trace Context. */
export interface TraceContext {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits; undefined where nothing of the trace was recorded yet. */
  readonly spanId?: string;
  /** Whether the span is recorded. */
  readonly isSampled: boolean;
  /** Whether somebody else, or an earlier process, has said so. */
  readonly isRemote: boolean;
}

/** In the place of a span that is not there; receivers of the header take it for none at all. */
const NO_SPAN = '0'.repeat(16);
const NO_TRACE = '0'.repeat(32);
const SAMPLED = 1;

/** A trace that has only begun. */
export function createTrace(): TraceContext {
  return { traceId: randomHex(16), isSampled: false, isRemote: false };
}

export function createSpanId(): string {
  return randomHex(8);
}

/** Filled in one go: asking for a few bytes takes as long as asking for thousands. */
const pool = Buffer.alloc(4096);
let used = pool.byteLength;

function randomHex(bytes: number): string {
  if (used + bytes > pool.byteLength) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.toString('hex', used, (used += bytes));
}

/** Reads the header `traceparent`; undefined for what is none. */
export function parseTraceparent(text: string): TraceContext | undefined {
  const [, version, traceId, spanId = NO_SPAN, flags = ''] =
    /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/.exec(text) ?? [];
  if (traceId === undefined || traceId === NO_TRACE || version === 'ff') return undefined;
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) !== 0;
  return { traceId, ...(spanId === NO_SPAN ? {} : { spanId }), isSampled, isRemote: true };
}

export function formatTraceparent({ traceId, spanId = NO_SPAN, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-0${isSampled ? SAMPLED : 0}`;
}
