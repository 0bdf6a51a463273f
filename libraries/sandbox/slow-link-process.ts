import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { LinkSchedule, type LinkSpeed, type Piece } from './link-schedule.ts';
import type { LinkOrder, LinkTraffic } from './slow-link.ts';

/*
 * A link's own process: its argument is the order; it sends its port as soon as it listens, and its traffic whenever it is
 * asked.
 */

/** Of one connection and direction: what TCP lets be under way before the receiver has taken it. */
const WINDOW_BYTES = 4 << 20;
/** Timers know whole milliseconds: what is due within half of one is due. */
const EARLY_MS = 0.5;

const { server, roundTripMs, bitsPerSecond } = JSON.parse(process.argv[2] ?? '') as LinkOrder;
const { hostname, port } = new URL(`tcp://${server}`);

/** Moves bytes from socket to socket when their schedule says so. */
class Way {
  readonly #schedule: LinkSchedule<Flow>;
  #timer: NodeJS.Timeout | undefined;

  /** Delivered so far. */
  bytes = 0;

  constructor(speed: LinkSpeed) {
    this.#schedule = new LinkSchedule(speed);
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
    this.bytes += bytes.length;
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
const [there, back] = [new Way(speed), new Way(speed)];
const options = { allowHalfOpen: true, noDelay: true } as const;
let connections = 0;

const listener = createServer({ ...options, pauseOnConnect: true }, (client) => {
  connections += 1;
  const upstream = connect({ ...options, host: hostname, port: Number(port) });
  const flow = [new Flow(client, upstream, there), new Flow(upstream, client, back)];
  setTimeout(() => client.resume(), roundTripMs);
  return flow;
});
await once(listener.listen(0, '127.0.0.1'), 'listening');
process.send?.((listener.address() as AddressInfo).port);
process.on('message', () => {
  const traffic: LinkTraffic = { connections, sentBytes: there.bytes, receivedBytes: back.bytes };
  process.send?.(traffic);
});
process.once('disconnect', () => process.exit());
