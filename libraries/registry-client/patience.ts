import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often one thing is asked for. */
export const MAX_ATTEMPTS = 5;

const BUSY: readonly (number | undefined)[] = [408, 429, 500, 502, 503, 504];
const FIRST_WAIT_MS = 200;
/** A registry that wants to be left alone for longer is not waited for. */
const MAX_WAIT_MS = 30_000;

/** How long to wait before a busy registry is asked again; undefined where that would not help, or takes too long. */
export function waitFor(response: IncomingMessage, attempt: number): number | undefined {
  if (!BUSY.includes(response.statusCode) || attempt >= MAX_ATTEMPTS) return undefined;
  const asked = retryAfterMs(response.headers['retry-after']);
  return asked === undefined ? waitMs(attempt) : asked <= MAX_WAIT_MS ? asked : undefined;
}

/** Waits longer after each attempt. Throws the reason of `signal` when that aborts. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted());
}

export function waitMs(attempt: number): number {
  return FIRST_WAIT_MS * 2 ** (attempt - 1);
}

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
