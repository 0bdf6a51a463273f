import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface SlowLinkOptions {
  /** Of a small request and its answer; a new connection costs it once more, as TCP's handshake does. */
  readonly roundTripMs: number;
  /** Of all connections together, in each direction. */
  readonly bitsPerSecond: number;
}

/** What a link's process is told. */
export interface LinkOrder extends SlowLinkOptions {
  readonly server: string;
}

export interface LinkTraffic {
  readonly connections: number;
  /** To the server. */
  readonly sentBytes: number;
  /** From the server. */
  readonly receivedBytes: number;
}

/** A way to a server on loopback as long and as narrow as one is told. */
export interface SlowLink extends AsyncDisposable {
  /** As "127.0.0.1:35003". */
  readonly address: string;
  /** So far: bytes of TCP's payload that have gone through. */
  traffic(): Promise<LinkTraffic>;
}

/**
 * Opens a link to `server`, as "127.0.0.1:35002", in a process of its own: it does not wait for what it is measuring, and
 * it ends whatever its connections are in the middle of, which a thread does not always do.
 */
export async function openSlowLink(server: string, options: SlowLinkOptions): Promise<SlowLink> {
  const order: LinkOrder = { server, ...options };
  const program = fileURLToPath(new URL('./slow-link-process.ts', import.meta.url));
  const child = fork(program, [JSON.stringify(order)], { env: {}, execArgv: [] });
  const exited = once(child, 'exit');
  const [port] = (await once(child, 'message')) as [number];
  return {
    address: `127.0.0.1:${port}`,
    async traffic() {
      const answer = once(child, 'message');
      child.send('traffic');
      const [traffic] = (await answer) as [LinkTraffic];
      return traffic;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
