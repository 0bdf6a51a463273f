import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { CodedError, wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { answerRequest } from './answer-request.ts';
import type { ControlPlatform } from './control-platform.ts';
import type { Token, Transport } from './guard-request.ts';
import { answerFile, isFileRequest } from './static-files.ts';

// Not an import: naming its exports would load Node's WebSocket, and 5 MB of fetch with it.
const { createServer } = process.getBuiltinModule('node:http');

const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** What a client may take before it has sent a whole request. */
const LIMITS = {
  maxHeaderSize: 16 << 10,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
} as const;
const MAX_CONNECTIONS = 1024;

export interface ServeControlOptions {
  /** Made with mode 0600 in a folder that exists; a socket that a dead daemon left is replaced. */
  readonly socketPath: string;
  /** Beyond loopback every request needs the token. Port 0 takes a free one. */
  readonly http?: { readonly host: string; readonly port: number; readonly token: Token };
  /** The folder of the built console, served over HTTP where the API has no such path. */
  readonly consoleFolder?: string;
  readonly platform: ControlPlatform;
  readonly log: Logger;
}

/** Disposing aborts the work of open requests, and waits for them. */
export interface ControlServer extends AsyncDisposable {
  /** The URL of the HTTP endpoint where there is one, else the socket's path. */
  readonly address: string;
}

/**
 * Serves the control API (openapi.yaml). Throws `already_exists` when another daemon serves the socket, and what listening
 * fails with.
 */
export async function serveControl(options: ServeControlOptions): Promise<ControlServer> {
  const stop = new AbortController();
  await using stack = new AsyncDisposableStack();
  await removeStaleSocket(options.socketPath);
  await listen(stack, { kind: 'unix' }, options, stop.signal);
  const tcp = options.http && (await listen(stack, transportOf(options.http), options, stop.signal));
  stack.defer(() => stop.abort(new CodedError('unavailable', 'Cannot go on: the daemon is stopping')));
  const servers = stack.move();
  return {
    address: tcp ? urlOf(tcp) : options.socketPath,
    [Symbol.asyncDispose]: async () => servers.disposeAsync(),
  };
}

async function listen(
  stack: AsyncDisposableStack,
  transport: Transport,
  { socketPath, http, consoleFolder, platform, log }: ServeControlOptions,
  signal: AbortSignal,
): Promise<Server> {
  const running = new Set<Promise<void>>();
  const context = { platform, log, transport, streams: new Set<ServerResponse>(), signal };
  const server = createServer(LIMITS, (request, response) => {
    const answer =
      consoleFolder !== undefined && isFileRequest(request)
        ? answerFile(request, response, consoleFolder)
        : answerRequest(request, response, context);
    running.add(answer);
    void answer.finally(() => running.delete(answer));
  });
  server.maxConnections = MAX_CONNECTIONS;
  try {
    const listening = once(server, 'listening');
    if (transport.kind === 'unix') listenPrivately(server, socketPath);
    else server.listen({ host: http?.host, port: http?.port, exclusive: true });
    await listening;
  } catch (reason) {
    const place = transport.kind === 'unix' ? socketPath : `${http?.host}:${http?.port}`;
    throw wrapError(reason, `Cannot serve the control API at ${place}`);
  }
  stack.defer(async () => {
    await closed(server);
    await Promise.all(running);
  });
  return server;
}

/** The socket is bound inside listen(), so that no moment passes in which others may connect. */
function listenPrivately(server: Server, socketPath: string): void {
  const mask = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(mask);
  }
}

async function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}

async function removeStaleSocket(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there) return;
  const refuse = (state: string): CodedError =>
    new CodedError('already_exists', `Cannot serve the control API at ${path}: ${state}`, {
      cure: 'Choose another socket with --address',
    });
  if (!there.isSocket()) throw refuse('a file that is no socket is there');
  if (await answers(path)) throw refuse('another daemon serves it');
  await rm(path, { force: true });
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

function transportOf({ host, token }: Required<ServeControlOptions>['http']): Transport {
  return { kind: LOOPBACK_HOSTS.includes(host) ? 'loopback' : 'network', token };
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
