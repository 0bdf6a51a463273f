import { close, constants, open } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { OpenPipes, Output, Pipes, Streams } from '@lade/containers';
import { makeNode } from '@lade/linux';

const OUTPUTS = ['stdout', 'stderr'] as const;

interface OpenFifo {
  readonly path: string;
  readonly socket: Socket;
}

/**
 * Makes the fifos of a process, each set in a folder of its own below `folder`. What earlier daemons left there is removed: the
 * processes that have it open do not need its names.
 */
export async function createProcessPipes(folder: string): Promise<OpenPipes> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return async (names) => {
    await using stack = new AsyncDisposableStack();
    const own = await mkdtemp(join(folder, 'p-'));
    stack.defer(async () => rm(own, { recursive: true, force: true }));
    const fifos: Partial<Record<keyof Streams, OpenFifo>> = {};
    for (const name of names) {
      const fifo = await openFifo(join(own, name), name);
      stack.defer(() => void fifo.socket.destroy());
      fifos[name] = fifo;
    }
    const owned = stack.move();
    return toPipes(fifos, async () => owned.disposeAsync());
  };
}

/** Neither way of opening waits for the other end; an input that is open for reading as well never breaks. */
async function openFifo(path: string, name: keyof Streams): Promise<OpenFifo> {
  makeNode(path, { type: 'fifo', mode: 0o600 });
  const isInput = name === 'stdin';
  const fd = await promisify(open)(
    path,
    (isInput ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK,
  );
  try {
    const socket = new Socket({ fd, readable: !isInput, writable: isInput });
    socket.on('error', () => {});
    return { path, socket };
  } catch (reason) {
    await promisify(close)(fd);
    throw reason;
  }
}

function toPipes(fifos: Partial<Record<keyof Streams, OpenFifo>>, dispose: () => Promise<void>): Pipes {
  const streams = Object.fromEntries(Object.entries(fifos).map(([name, { path }]) => [name, path]));
  const input = fifos.stdin?.socket;
  const outputs = OUTPUTS.flatMap((stream) => {
    const socket = fifos[stream]?.socket;
    return socket ? [{ stream, socket }] : [];
  });
  return {
    streams,
    output: () => readInTurn(outputs),
    async write(bytes) {
      await new Promise<void>((resolve, reject) =>
        input?.write(bytes, (reason) => (reason ? reject(reason) : resolve())),
      );
    },
    end() {
      input?.end();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Takes from each what it has; what is not taken stays in the fifo, but for one buffer. */
async function* readInTurn(
  outputs: readonly { readonly stream: Output['stream']; readonly socket: Socket }[],
): AsyncGenerator<Output> {
  let news = Promise.withResolvers<void>();
  const tell = (): void => news.resolve();
  for (const { socket } of outputs) for (const event of ['readable', 'end', 'close']) socket.on(event, tell);
  for (;;) {
    const before = news;
    let isQuiet = true;
    for (const { stream, socket } of outputs) {
      const bytes = socket.read() as Buffer | null;
      if (bytes === null) continue;
      isQuiet = false;
      yield { stream, bytes };
    }
    if (!isQuiet) continue;
    if (outputs.every(({ socket }) => socket.readableEnded || socket.destroyed)) return;
    await before.promise;
    news = Promise.withResolvers();
  }
}
