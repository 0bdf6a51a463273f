import assert from 'node:assert/strict';
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { CodedError, isCodedError } from '@lade/errors';
import { Content } from '@lade/protocol/content';
import { GrpcClient, GrpcServer, type CallContext, type ServiceHandlers } from './index.ts';

type Handlers = ServiceHandlers<typeof Content>;

async function open(t: TestContext, handlers: Partial<Handlers>): Promise<GrpcClient> {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'lade-grpc-'));
  const path = join(folder.path, 's.sock');
  const rest = Object.fromEntries(Content.methods.map(({ localName }) => [localName, async () => ({})]));
  const server = new GrpcServer();
  server.add(Content, { ...rest, ...handlers } as Handlers);
  await server.listen(path);
  const client = new GrpcClient(path);
  t.after(async () => {
    client[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    folder.remove();
  });
  return client;
}

async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of stream) count += 1;
  return count;
}

test('a two-way call that its handler refuses ends at once, whatever its requests still wait for', async (t) => {
  const client = await open(t, {
    async *write(requests) {
      for await (const { ref } of requests)
        throw new CodedError('already_exists', `Cannot write ${ref}: exists`);
      yield {};
    },
  });
  async function* stalled(): AsyncGenerator<{ ref: string }> {
    yield { ref: 'a' };
    await sleep(600_000, undefined, { ref: false });
  }
  async function* flood(): AsyncGenerator<{ ref: string; data: Uint8Array }> {
    for (;;) yield { ref: 'b', data: new Uint8Array(100_000) };
  }
  for (const requests of [stalled(), flood()])
    await assert.rejects(drain(client.converse(Content.method.write, requests)), (error) =>
      isCodedError(error, 'already_exists'),
    );
});

test('a two-way call whose requests break throws what broke them, and its handler hears of it', async (t) => {
  const [began, heard] = [Promise.withResolvers<void>(), Promise.withResolvers<unknown>()];
  const client = await open(t, {
    async *write(requests, { signal }) {
      began.resolve();
      try {
        for await (const _ of requests) yield {};
        heard.resolve('said all');
      } catch (reason) {
        heard.resolve(isCodedError(reason, 'cancelled') && signal.aborted ? 'gone' : reason);
      }
    },
  });
  async function* breaking(): AsyncGenerator<{ ref: string }> {
    yield { ref: 'a' };
    await began.promise;
    throw new RangeError('the source broke');
  }
  await assert.rejects(drain(client.converse(Content.method.write, breaking())), RangeError);
  assert.equal(await heard.promise, 'gone');
});

test('a large two-way transfer waits for a slow reader, on either side', async (t) => {
  let received = 0;
  const client = await open(t, {
    async *write(requests) {
      for await (const { data } of requests) {
        received += data.byteLength;
        if (received % 10_000_000 === 0) await sleep(5);
        yield {};
      }
    },
  });
  async function* requests(): AsyncGenerator<{ data: Uint8Array }> {
    for (let i = 0; i < 50; i += 1) yield { data: new Uint8Array(1_000_000) };
  }
  assert.equal(await drain(client.converse(Content.method.write, requests())), 50);
  assert.equal(received, 50_000_000);
});

test('the signal of a call that went well is never aborted', async (t) => {
  const signals: AbortSignal[] = [];
  const keep = ({ signal }: CallContext): void => void signals.push(signal);
  const client = await open(t, {
    info: async (_, context) => (keep(context), {}),
    async *list(_, context) {
      keep(context);
      yield {};
    },
  });
  await client.call(Content.method.info, {});
  await drain(client.stream(Content.method.list, {}));
  await client.call(Content.method.info, {});
  await sleep(20);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false, false],
  );
});

test('messages of any length and content leave the connection usable', async (t) => {
  const client = await open(t, {
    info: async ({ digest }) => {
      throw new CodedError('not_found', digest === 'long' ? 'x'.repeat(200_000) : 'a\nb % \ud800 é');
    },
  });
  await assert.rejects(
    client.call(Content.method.info, { digest: 'long' }),
    (error) => isCodedError(error, 'not_found') && /^x{4096}$/.test(error.message),
  );
  await assert.rejects(
    client.call(Content.method.info, { digest: 'odd' }),
    (error) => isCodedError(error, 'not_found') && error.message === 'a\nb % \ufffd é',
  );
});

test('a client may leave any number of streams early, on one connection', async (t) => {
  const client = await open(t, {
    async *read() {
      for (;;) yield { data: new Uint8Array(10) };
    },
  });
  for (let i = 0; i < 1_500; i++)
    for await (const _ of client.stream(Content.method.read, { digest: `${i}` })) break;
});
