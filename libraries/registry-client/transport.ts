import type { Agent, IncomingMessage } from 'node:http';
import { CodedError } from '@lade/errors';
import { isLoopback } from './is-loopback.ts';
import { watchExchange, type TellRequest } from './watch-exchange.ts';

// Not imports: naming their exports would load Node's WebSocket, and 5 MB of fetch with it.
const http = process.getBuiltinModule('node:http');
const https = process.getBuiltinModule('node:https');
const tls = process.getBuiltinModule('node:tls');

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** Variables such as HTTPS_PROXY and NO_PROXY. */
export type ProxyVariables = Readonly<Record<string, string | undefined>>;

/** A peer that sends nothing for so long is given up. */
const SILENCE_MS = 30_000;
/** What servers know this client by. */
export const CLIENT_NAME = 'lade-registry-client';
const REDIRECTS: readonly (number | undefined)[] = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 5;

/** HTTP as registries speak it: through proxies, with the machine's certificates, to where they redirect. */
export class Transport implements Disposable {
  readonly #proxies: ProxyVariables;
  readonly #plain: Agent;
  /** No proxy leads to this machine. */
  readonly #local = new http.Agent({ keepAlive: true });
  #secure: Agent | undefined;

  readonly #tell: TellRequest | undefined;

  constructor(proxies: ProxyVariables, tell?: TellRequest) {
    this.#tell = tell;
    this.#proxies = proxies;
    this.#plain = new http.Agent({ keepAlive: true, proxyEnv: { ...proxies } });
  }

  /** Resolves with what answers in the end. Credentials go to the first server only; another host never sees them. */
  async send(call: Call): Promise<IncomingMessage> {
    for (let next = call, hops = 0; ; hops++) {
      const response = await this.#once(next);
      const { location } = response.headers;
      if (location === undefined || !REDIRECTS.includes(response.statusCode)) return response;
      response.resume();
      if (hops === MAX_REDIRECTS) throw misled(call.url, `it redirects more than ${MAX_REDIRECTS} times`);
      const url = URL.parse(location, next.url.href);
      if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
        throw misled(call.url, 'it redirects to what is no HTTP address');
      const { authorization: _, ...others } = next.headers;
      next = { ...next, url, headers: url.origin === next.url.origin ? next.headers : others };
    }
  }

  [Symbol.dispose](): void {
    this.#plain.destroy();
    this.#local.destroy();
    this.#secure?.destroy();
  }

  async #once({ url, method, headers, body, signal }: Call): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const isSecure = url.protocol === 'https:';
    const options = {
      method,
      headers: { 'user-agent': CLIENT_NAME, ...headers },
      timeout: SILENCE_MS,
      ...(signal ? { signal } : {}),
    };
    const outgoing = isSecure
      ? https.request(url, { ...options, agent: this.#secureAgent() })
      : http.request(url, { ...options, agent: isLoopback(url.host) ? this.#local : this.#plain });
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.once('timeout', () => outgoing.destroy(silent(url)));
    if (this.#tell) watchExchange(outgoing, { method, url }, this.#tell);
    outgoing.end(body);
    return promise;
  }

  /** Trusts what the machine trusts, besides what Node does. */
  #secureAgent(): Agent {
    if (this.#secure) return this.#secure;
    const ca = [...tls.getCACertificates('default'), ...tls.getCACertificates('system')];
    // Made once: the hundreds of certificates take longer than a connection.
    const secureContext = tls.createSecureContext({ ca });
    this.#secure = new https.Agent({ keepAlive: true, proxyEnv: { ...this.#proxies }, secureContext });
    return this.#secure;
  }
}

function silent({ host }: URL): CodedError {
  return new CodedError('deadline_exceeded', `${host} sends nothing for ${SILENCE_MS / 1000} s`);
}

function misled({ host }: URL, state: string): CodedError {
  return new CodedError('failed_precondition', `Cannot follow ${host}: ${state}`);
}
