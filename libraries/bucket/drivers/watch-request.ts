import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { BucketRequest, RequestClass } from '../requests.ts';

export type TellRequest = (request: BucketRequest) => void;

/** Refusals that say what the store holds, not that something is wrong. */
const ANSWERS = [404, 409, 412, 416];

/** What is told already of what a connection has carried. */
const carried = new WeakMap<Socket, { readonly sent: number; readonly received: number }>();

export function classOf(method: string, query: Readonly<Record<string, unknown>>): RequestClass {
  if (method === 'DELETE' || 'delete' in query) return 'delete';
  if (method !== 'GET' && method !== 'HEAD') return 'write';
  return 'prefix' in query || 'list-type' in query || 'uploads' in query ? 'list' : 'read';
}

/** Tells a request once its answer has been read or given up, or when there is none. Its bytes are those on the wire. */
export async function watchRequest(
  kind: RequestClass,
  sending: Promise<IncomingMessage>,
  tell: TellRequest,
): Promise<IncomingMessage> {
  let answer: IncomingMessage;
  try {
    answer = await sending;
  } catch (reason) {
    const isError = (reason as Error).name !== 'AbortError';
    tell({ class: kind, isError, sentBytes: 0, receivedBytes: 0 });
    throw reason;
  }
  const { socket, statusCode = 0 } = answer;
  const isError = statusCode >= 400 && !ANSWERS.includes(statusCode);
  let isTold = false;
  const end = (): void => {
    if (!isTold) tell({ class: kind, isError, ...carriedSince(socket) });
    isTold = true;
  };
  // Whichever comes first: at its end an answer still has its connection to itself.
  answer.once('end', end).once('close', end);
  return answer;
}

function carriedSince(socket: Socket): { readonly sentBytes: number; readonly receivedBytes: number } {
  const before = carried.get(socket) ?? { sent: 0, received: 0 };
  const now = { sent: socket.bytesWritten, received: socket.bytesRead };
  carried.set(socket, now);
  return { sentBytes: now.sent - before.sent, receivedBytes: now.received - before.received };
}
