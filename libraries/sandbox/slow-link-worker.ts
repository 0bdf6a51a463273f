import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { LinkSchedule, type LinkSpeed, type Piece } from './link-schedule.ts';
import type { SlowLinkOptions } from './slow-link.ts';

interface Options extends SlowLinkOptions {
  readonly server: string;
  /** Connections, bytes to the server, bytes from the server. */
  readonly counters: BigInt64Array;
}

/** Of one connection and direction: what TCP lets be under way before the receiver has taken it. */
const WINDOW_BYTES = 4 << 20;
/** Timers know whole milliseconds: what is due within half of one is due. */
const EARLY_MS = 0.5;

const { server, roundTripMs, bitsPerSecond, counters } = workerData as Options;
const { hostname, port } = new URL(`tcp://${server}`);
const [CONNECTIONS, SENT, RECEIVED] = [0, 1, 2];

/** Moves bytes from socket to socket when their schedule says so. */
class Way {
  readonly #schedule: LinkSchedule<Flow>;
  readonly #counter: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(speed: LinkSpeed, counter: number) {
    this.#schedule = new LinkSchedule(speed);
    this.#counter = counter;
  }

  push(sender: Flow, bytes: Uint8Array): void {
    this.#schedule.push({ sender, bytes }, performance.now());
    this.#run();
  }

  drop(sender: Flow): void {
    this.#schedule.drop(sender);
  }

  #run(): void {
    clearTimeout(this.#timer);
    const now = performance.now() + EARLY_MS;
    for (const piece of this.#schedule.advance(now)) this.#deliver(piece);
    const { nextAt } = this.#schedule;
    if (nextAt !== undefined) this.#timer = setTimeout(() => this.#run(), nextAt - now);
  }

  #deliver({ sender, bytes }: Piece<Flow>): void {
    Atomics.add(counters, this.#counter, BigInt(bytes.length));
    sender.arrive(bytes);
  }
}

/** One direction of one connection. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  #underWay = 0;

  constructor(from: Socket, to: Socket, way: Way) {
    this.#from = from;
    this.#to = to;
    from.on('data', (bytes: Buffer) => {
      this.#underWay += bytes.length;
      if (this.#underWay >= WINDOW_BYTES) from.pause();
      way.push(this, bytes);
    });
    from.on('end', () => way.push(this, new Uint8Array()));
    from.on('error', () => to.resetAndDestroy());
    to.on('close', () => way.drop(this));
  }

  arrive(bytes: Uint8Array): void {
    if (this.#to.destroyed) return;
    if (bytes.length === 0) this.#to.end();
    else this.#to.write(bytes, () => this.#taken(bytes.length));
  }

  #taken(bytes: number): void {
    this.#underWay -= bytes;
    if (this.#underWay < WINDOW_BYTES) this.#from.resume();
  }
}

const speed = { bytesPerMs: bitsPerSecond / 8 / 1000, delayMs: roundTripMs / 2 };
const [there, back] = [new Way(speed, SENT), new Way(speed, RECEIVED)];
const options = { allowHalfOpen: true, noDelay: true } as const;

const sockets = new Set<Socket>();

const listener = createServer({ ...options, pauseOnConnect: true }, (client) => {
  Atomics.add(counters, CONNECTIONS, 1n);
  const upstream = connect({ ...options, host: hostname, port: Number(port) });
  const flow = [new Flow(client, upstream, there), new Flow(upstream, client, back)];
  for (const socket of [client, upstream]) sockets.add(socket.once('close', () => sockets.delete(socket)));
  setTimeout(() => client.resume(), roundTripMs);
  return flow;
});
await once(listener.listen(0, '127.0.0.1'), 'listening');
parentPort?.postMessage((listener.address() as AddressInfo).port, []);
// Nothing is left then: to be terminated with open sockets, a thread may take for ever.
parentPort?.once('message', () => {
  listener.close();
  for (const socket of sockets) socket.destroy();
});
