import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface SlowLinkOptions {
  /** Of a small request and its answer; a new connection costs it once more, as TCP's handshake does. */
  readonly roundTripMs: number;
  /** Of all connections together, in each direction. */
  readonly bitsPerSecond: number;
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
  traffic(): LinkTraffic;
}

/** Opens a link to `server`, as "127.0.0.1:35002", in a thread of its own: it does not wait for what it is measuring. */
export async function openSlowLink(server: string, options: SlowLinkOptions): Promise<SlowLink> {
  const counters = new BigInt64Array(new SharedArrayBuffer(3 * BigInt64Array.BYTES_PER_ELEMENT));
  const workerData = { server, ...options, counters };
  const worker = new Worker(new URL('./slow-link-worker.ts', import.meta.url), { workerData });
  const exited = once(worker, 'exit');
  const [port] = (await once(worker, 'message')) as [number];
  return {
    address: `127.0.0.1:${port}`,
    traffic() {
      const [connections = 0, sentBytes = 0, receivedBytes = 0] = Array.from(counters, Number);
      return { connections, sentBytes, receivedBytes };
    },
    async [Symbol.asyncDispose]() {
      worker.postMessage('close', []);
      await exited;
    },
  };
}
