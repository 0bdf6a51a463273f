import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { CodedError, wrapError } from '@lade/errors';
import type { Logger } from '@lade/log';
import { answerRequest } from './answer-request.ts';
import type { ControlPlatform } from './control-platform.ts';
import { answerFile, isFileRequest } from './static-files.ts';

// Not an import: naming its exports would load Node's WebSocket, and 5 MB of fetch with it.
const { createServer } = process.getBuiltinModule('node:http');

const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1'];

export interface ServeControlOptions {
  /** Made with mode 0600 in a folder that exists; a socket that a dead daemon left is replaced. */
  readonly socketPath: string;
  /** Loopback only. Port 0 takes a free one. */
  readonly http?: { readonly host: string; readonly port: number };
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
 * Serves the control API (docs/reference/control-api.md). Throws `invalid_argument` for a host that is not loopback,
 * `already_exists` when another daemon serves the socket, and what listening fails with.
 */
export async function serveControl(options: ServeControlOptions): Promise<ControlServer> {
  if (options.http) checkLoopback(options.http.host);
  const stop = new AbortController();
  await using stack = new AsyncDisposableStack();
  await removeStaleSocket(options.socketPath);
  await listen(stack, 'unix', options, stop.signal);
  const tcp = options.http && (await listen(stack, 'tcp', options, stop.signal));
  stack.defer(() => stop.abort(new CodedError('unavailable', 'Cannot go on: the daemon is stopping')));
  const servers = stack.move();
  return {
    address: tcp ? urlOf(tcp) : options.socketPath,
    [Symbol.asyncDispose]: async () => servers.disposeAsync(),
  };
}

async function listen(
  stack: AsyncDisposableStack,
  transport: 'unix' | 'tcp',
  { socketPath, http, consoleFolder, platform, log }: ServeControlOptions,
  signal: AbortSignal,
): Promise<Server> {
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const answer =
      consoleFolder !== undefined && isFileRequest(request)
        ? answerFile(request, response, consoleFolder)
        : answerRequest(request, response, { platform, log, transport, signal });
    running.add(answer);
    void answer.finally(() => running.delete(answer));
  });
  try {
    const listening = once(server, 'listening');
    if (transport === 'tcp') server.listen({ ...http, exclusive: true });
    else listenPrivately(server, socketPath);
    await listening;
  } catch (reason) {
    throw wrapError(
      reason,
      `Cannot serve the control API at ${transport === 'tcp' ? JSON.stringify(http) : socketPath}`,
    );
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

function checkLoopback(host: string): void {
  if (LOOPBACK_HOSTS.includes(host)) return;
  throw new CodedError(
    'invalid_argument',
    `Cannot serve the control API on ${host}: it is not a loopback address`,
    {
      cure: `Use 127.0.0.1; reach it from elsewhere through ssh -L`,
    },
  );
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
