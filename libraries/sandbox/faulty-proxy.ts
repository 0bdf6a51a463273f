import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with one request. */
export type Fault =
  /** The answer comes, late. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The server complains, as S3 does: 500 InternalError, 503 SlowDown and so on. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number }
  /** The connection is reset before an answer. */
  | { readonly kind: 'reset' }
  /** The connection ends in the middle of the answer's body. */
  | { readonly kind: 'half-body' }
  /** One bit of the answer's body is wrong. */
  | { readonly kind: 'flip' }
  /** One bit of the request's body is wrong. */
  | { readonly kind: 'damage' }
  /** No answer comes, ever. */
  | { readonly kind: 'silence' };

export interface ProxiedRequest {
  /** From 1 on. */
  readonly number: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** The header. */
  readonly range: string | undefined;
}

export type RequestCounts = Readonly<Record<Fault['kind'] | 'forward', number>>;

/** A way to an HTTP server on which things go wrong as a test says. */
export interface FaultyProxy extends AsyncDisposable {
  /** As "127.0.0.1:35004". */
  readonly address: string;
  /** From now on `choose` says what goes wrong with a request; undefined forwards it as it is. */
  inject(choose: (request: ProxiedRequest) => Fault | undefined): void;
  /** Resets all connections and refuses new ones. */
  vanish(): Promise<void>;
  /** Everything goes well again, also what has been told to go wrong; what is silent stays so. */
  heal(): Promise<void>;
  /** So far, by what was done with them. */
  counts(): RequestCounts;
}

/** Opens a proxy of `server`, as "127.0.0.1:35002", that forwards everything. */
export async function openFaultyProxy(server: string): Promise<FaultyProxy> {
  const target: Target = { server, agent: new Agent({ keepAlive: true }) };
  const counts = {
    forward: 0,
    delay: 0,
    status: 0,
    reset: 0,
    'half-body': 0,
    flip: 0,
    damage: 0,
    silence: 0,
  };
  let choose: (request: ProxiedRequest) => Fault | undefined = () => undefined;
  let number = 0;
  const listener = createServer((incoming, answer) => {
    const { method = 'GET', url: path = '/' } = incoming;
    const fault = choose({ number: ++number, method, path, range: incoming.headers.range });
    counts[fault?.kind ?? 'forward']++;
    spoil(fault, { incoming, answer, target }).catch(() => reset(answer));
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const { port } = listener.address() as AddressInfo;
  const vanish = async (): Promise<void> => {
    if (!listener.listening) return;
    const closed = once(listener, 'close');
    listener.close();
    listener.closeAllConnections();
    await closed;
  };
  return {
    address: `127.0.0.1:${port}`,
    inject(chooser) {
      choose = chooser;
    },
    vanish,
    async heal() {
      choose = () => undefined;
      if (!listener.listening) await once(listener.listen(port, '127.0.0.1'), 'listening');
    },
    counts: () => ({ ...counts }),
    async [Symbol.asyncDispose]() {
      await vanish();
      target.agent.destroy();
    },
  };
}

interface Target {
  readonly server: string;
  readonly agent: Agent;
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly answer: ServerResponse;
  readonly target: Target;
}

async function spoil(fault: Fault | undefined, exchange: Exchange): Promise<void> {
  switch (fault?.kind) {
    case undefined:
      return forward(exchange, (body) => body);
    case 'delay':
      await sleep(fault.ms, undefined, { ref: false });
      return forward(exchange, (body) => body);
    case 'status':
      return complain(fault, exchange);
    case 'reset':
      return reset(exchange.answer);
    case 'half-body':
      return forward(exchange, firstHalf);
    case 'flip':
      return forward(exchange, flipOneBit);
    case 'damage':
      return forward(exchange, (body) => body, flipOneBit);
    case 'silence':
      exchange.incoming.resume();
  }
}

type Spoiler = (body: AsyncIterable<Buffer>, sizeBytes: number) => AsyncIterable<Buffer>;

async function forward(
  { incoming, answer, target }: Exchange,
  spoiler: Spoiler,
  spoilRequest: Spoiler = (body) => body,
): Promise<void> {
  const { method = 'GET', url: path = '/', headers } = incoming;
  const { hostname, port } = new URL(`http://${target.server}`);
  const upstream = request({ hostname, port, method, path, headers, agent: target.agent });
  answer.once('close', () => upstream.destroy());
  const [[response]] = await Promise.all([
    once(upstream, 'response') as Promise<[IncomingMessage]>,
    pipeline(spoilRequest(incoming, Number(headers['content-length'] ?? 0)), upstream),
  ]);
  answer.writeHead(response.statusCode ?? 502, response.headers);
  const sizeBytes = Number(response.headers['content-length'] ?? 0);
  await pipeline(spoiler(response, sizeBytes), answer, { end: false });
  if (spoiler === firstHalf) answer.socket?.end();
  else answer.end();
}

async function* firstHalf(body: AsyncIterable<Buffer>, sizeBytes: number): AsyncGenerator<Buffer> {
  let left = Math.floor(sizeBytes / 2);
  for await (const chunk of body) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

async function* flipOneBit(body: AsyncIterable<Buffer>, sizeBytes: number): AsyncGenerator<Buffer> {
  let at = Math.floor(sizeBytes / 2);
  for await (const chunk of body) {
    if (at >= 0 && at < chunk.length) chunk.writeUInt8(chunk.readUInt8(at) ^ 1, at);
    at -= chunk.length;
    yield chunk;
  }
}

const CODES: Readonly<Record<number, string>> = { 429: 'TooManyRequests', 503: 'SlowDown' };

function complain(fault: Fault & { readonly kind: 'status' }, { incoming, answer }: Exchange): void {
  const { status, retryAfterSeconds } = fault;
  incoming.resume();
  answer.writeHead(status, {
    'content-type': 'application/xml',
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  });
  answer.end(`<Error><Code>${CODES[status] ?? 'InternalError'}</Code></Error>`);
}

function reset(answer: ServerResponse): void {
  answer.socket?.resetAndDestroy();
}
