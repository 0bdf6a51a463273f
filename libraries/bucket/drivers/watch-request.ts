import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestClass } from '../requests.ts';
import type { Traffic } from '../traffic.ts';

/** Refusals that say what the store holds, not that something is wrong. */
const ANSWERS = [404, 409, 412, 416];

/** What is told already of what a connection has carried. */
const carried = new WeakMap<Socket, { readonly sent: number; readonly received: number }>();

export function classOf(method: string, query: Readonly<Record<string, unknown>>): RequestClass {
  if (method === 'DELETE' || 'delete' in query) return 'delete';
  if (method !== 'GET' && method !== 'HEAD') return 'write';
  return 'prefix' in query || 'list-type' in query || 'uploads' in query ? 'list' : 'read';
}

interface Watched {
  readonly kind: RequestClass;
  readonly sentBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly send: () => Promise<IncomingMessage>;
}

/** Makes a request when it may be made, and tells it once its answer has been read or given up. Its bytes are those on the wire. */
export async function watchRequest(
  { kind, sentBytes, signal, send }: Watched,
  { enter, hear, tell }: Traffic,
): Promise<IncomingMessage> {
  await enter?.(kind, sentBytes, signal);
  const askedMs = performance.now();
  let answer: IncomingMessage;
  try {
    answer = await send();
  } catch (reason) {
    const isError = (reason as Error).name !== 'AbortError';
    tell?.({ class: kind, isError, sentBytes: 0, receivedBytes: 0 });
    throw reason;
  }
  // Out of a cache it would be old.
  if (answer.headers.age === undefined) hear?.(answer.headers.date, performance.now() - askedMs);
  if (tell) answered(answer, (carried) => tell({ class: kind, isError: isRefusal(answer), ...carried }));
  return answer;
}

function answered(answer: IncomingMessage, tell: (carried: ReturnType<typeof carriedSince>) => void): void {
  const { socket } = answer;
  let isTold = false;
  const end = (): void => {
    if (!isTold) tell(carriedSince(socket));
    isTold = true;
  };
  // Whichever comes first: at its end an answer still has its connection to itself.
  answer.once('end', end).once('close', end);
}

function isRefusal({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 400 && !ANSWERS.includes(statusCode);
}

function carriedSince(socket: Socket): { readonly sentBytes: number; readonly receivedBytes: number } {
  const before = carried.get(socket) ?? { sent: 0, received: 0 };
  const now = { sent: socket.bytesWritten, received: socket.bytesRead };
  carried.set(socket, now);
  return { sentBytes: now.sent - before.sent, receivedBytes: now.received - before.received };
}
