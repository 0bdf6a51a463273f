import { lookup as resolveName } from 'node:dns';
import http, { type AgentOptions, type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import { CONNECT_MS, IDLE_MS, MAX_CONNECTIONS } from '../connection-limits.ts';
import type { ObsOptions } from './obs-options.ts';

interface Sending {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Sends requests over connections that it keeps, and gives answers before their bodies. */
export interface Transport extends Disposable {
  send(url: string, sending: Sending): Promise<IncomingMessage>;
}

/** Connects directly, or through an HTTP proxy. */
export function createTransport({
  proxy,
  maxConnections = MAX_CONNECTIONS,
}: Pick<ObsOptions, 'proxy' | 'maxConnections'>): Transport {
  const options: AgentOptions & { lookup: LookupFunction } = {
    keepAlive: true,
    maxSockets: maxConnections,
    lookup,
    ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
  };
  const plain = new http.Agent(options);
  const secure = new https.Agent(options);
  return {
    async send(url, { method, headers, body, signal }) {
      const isSecure = url.startsWith('https:');
      const asked = { method, headers, agent: isSecure ? secure : plain, ...(signal ? { signal } : {}) };
      const request = isSecure ? https.request(url, asked) : http.request(url, asked);
      return answerOf(request, body);
    },
    [Symbol.dispose]() {
      plain.destroy();
      secure.destroy();
    },
  };
}

async function answerOf(request: ClientRequest, body: Uint8Array | undefined): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // It stays there for what fails after the answer has begun, which its body tells as well.
  request.on('error', reject);
  request.once('response', resolve);
  request.once('socket', (socket) => {
    socket.setNoDelay(true);
    if (!socket.connecting) return;
    const late = setTimeout(() => request.destroy(silence('no connection', CONNECT_MS)), CONNECT_MS);
    const clear = (): void => clearTimeout(late);
    socket.once('connect', clear).once('close', clear);
  });
  request.setTimeout(IDLE_MS, () => request.destroy(silence('no answer', IDLE_MS)));
  request.end(body);
  return promise;
}

function silence(what: string, ms: number): Error {
  return new DOMException(`${what} for ${ms / 1000} s`, 'TimeoutError');
}

/** Names below localhost are this machine's (RFC 6761), also where the resolver of the system does not say so. */
const lookup: LookupFunction = (name, options, found) => {
  const own = name.endsWith('.localhost') ? 'localhost' : name;
  resolveName(own, options, found);
};
