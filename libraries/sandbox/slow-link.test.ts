import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSlowLink, type SlowLink, type SlowLinkOptions } from './slow-link.ts';

const MEGABIT = 1_000_000;
const FAST: SlowLinkOptions = { roundTripMs: 2, bitsPerSecond: 1000 * MEGABIT };

async function open(
  t: TestContext,
  serve: (socket: Socket) => void,
  options: SlowLinkOptions = FAST,
): Promise<SlowLink> {
  const server = createServer({ allowHalfOpen: true }, serve);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const link = await openSlowLink(`127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  t.after(async () => {
    await link[Symbol.asyncDispose]();
    server.close();
  });
  return link;
}

function dial({ address }: SlowLink): Socket {
  return connect({ host: '127.0.0.1', port: Number(address.split(':')[1]), allowHalfOpen: true });
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('a link brings every byte both ways, and counts', async (t) => {
  const link = await open(t, (socket) => socket.pipe(socket));
  const sent = randomBytes(9_000_000);
  const received = await Promise.all(
    [0, 1, 2].map(async () => {
      const socket = dial(link);
      socket.end(sent);
      return readAll(socket);
    }),
  );
  for (const bytes of received) assert.ok(bytes.equals(sent));
  assert.deepEqual(await link.traffic(), {
    connections: 3,
    sentBytes: 27_000_000,
    receivedBytes: 27_000_000,
  });
});

test('a link is never faster than it was told to be', async (t) => {
  const link = await open(t, (socket) => socket.pipe(socket), {
    roundTripMs: 20,
    bitsPerSecond: 100 * MEGABIT,
  });
  const started = performance.now();
  await Promise.all(
    [0, 1].map(async () => {
      const socket = dial(link);
      socket.end(Buffer.alloc(625_000));
      return readAll(socket);
    }),
  );
  // 100 ms of bytes, a round trip, and one for the handshake; timers may be half a millisecond early each.
  assert.ok(performance.now() - started > 135);
});

test('a reset at one end is a reset at the other', async (t) => {
  const link = await open(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const socket = dial(link);
  socket.write('x');
  const [reason] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(reason.code, 'ECONNRESET');
});

test('a receiver that does not read stops its sender', async (t) => {
  let accepted: Socket | undefined;
  const link = await open(t, (socket) => {
    accepted = socket.pause();
  });
  const socket = dial(link);
  let isDone = false;
  socket.end(Buffer.alloc(64 << 20), () => {
    isDone = true;
  });
  await sleep(300);
  assert.equal(isDone, false);
  assert.ok(accepted);
  assert.equal((await readAll(accepted)).length, 64 << 20);
  accepted.end();
  socket.resume();
  await once(socket, 'close');
});

test('a link ends at once, whatever is under way', async (t) => {
  for (let round = 0; round < 10; round++) {
    const link = await open(t, (socket) => socket.on('error', () => {}).end(Buffer.alloc(1 << 20)));
    const sockets = Array.from({ length: 8 }, () => dial(link).on('error', () => {}));
    for (const socket of sockets) socket.resume();
    await sleep(round * 5);
    for (const socket of sockets.slice(0, 5)) socket.resetAndDestroy();
    await link[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
  }
});
