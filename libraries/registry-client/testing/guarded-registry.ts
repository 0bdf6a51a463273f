import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What somebody has asked the guard for. */
export interface Asked {
  readonly path: string;
  readonly method: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface GuardedRegistry extends AsyncDisposable {
  readonly address: string;
  /** All requests so far. */
  readonly asked: readonly Asked[];
  /** Tokens given so far are refused from now on. */
  revoke(): void;
}

export interface GuardOptions {
  readonly challenge: 'bearer' | 'basic';
  /** Authorization that opens it, or its token server; undefined: its token server lets anybody in. */
  readonly login?: string;
  /** In the form of a POST. */
  readonly refreshToken?: string;
  /** Where blobs are, as "127.0.0.1:35002": requests for them are redirected. */
  readonly blobs?: string;
  /** Leave out what a HEAD need not tell. */
  readonly isTerse?: boolean;
}

/** A registry in front of another one, that wants credentials as the distribution project's documents say. */
export async function startGuardedRegistry(origin: string, options: GuardOptions): Promise<GuardedRegistry> {
  const asked: Asked[] = [];
  let generation = 0;
  const server = createServer((incoming, answer) => {
    void answerGuarded(incoming, answer);
  });
  const answerGuarded = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const { url: path = '/', method = 'GET', headers } = incoming;
    const { authorization } = headers;
    const body = await text(incoming);
    asked.push({ path, method, authorization, body });
    const token = `token-${generation}`;
    if (path.startsWith('/token')) {
      const isOpen = options.login === undefined || authorization === options.login;
      const isRefresh = new URLSearchParams(body).get('refresh_token') === options.refreshToken;
      if (method === 'POST' ? isRefresh : isOpen) answer.end(JSON.stringify({ token, expires_in: 300 }));
      else answer.writeHead(401).end();
      return;
    }
    const wanted = options.challenge === 'basic' ? options.login : `Bearer ${token}`;
    if (authorization !== wanted) {
      const realm = `http://${headers.host}/token`;
      const challenge =
        options.challenge === 'basic'
          ? 'Basic realm="here, and there"'
          : `Bearer realm="${realm}",service="some registry",scope="repository:some/app:pull"`;
      answer.writeHead(401, { 'www-authenticate': challenge }).end();
      return;
    }
    if (options.blobs !== undefined && path.includes('/blobs/'))
      answer.writeHead(307, { location: `http://${options.blobs}${path}?signature=secret` }).end();
    else forward(origin, incoming, answer, options.isTerse === true);
  };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    revoke: () => void generation++,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function forward(origin: string, incoming: IncomingMessage, answer: ServerResponse, isTerse: boolean): void {
  const { url = '/', method = 'GET', headers } = incoming;
  const { authorization: _, ...passed } = headers;
  const onward = request(
    `http://${origin}${url.split('?', 1)[0]}`,
    { method, headers: passed },
    (response) => {
      const { 'docker-content-digest': digest, ...others } = response.headers;
      const shown = isTerse || digest === undefined ? others : response.headers;
      answer.writeHead(response.statusCode ?? 502, shown);
      response.pipe(answer);
    },
  );
  onward.once('error', () => answer.destroy()).end();
}
