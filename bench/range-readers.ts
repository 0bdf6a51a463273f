import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposable, open, type FileHandle } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openBucket, type Bucket } from '@lade/bucket';
import { fromBytes } from '@lade/streams';

/** Reads a range to its end; the number of bytes. */
export type RangeReader = (offset: number, length: number) => Promise<number>;

/** A driver, and the least that the same reads can cost. */
export interface Contestants {
  readonly driver: RangeReader;
  readonly bare: RangeReader;
  readonly peer: string;
}

export const OBJECT_BYTES = 64 << 20;
const KEY = 'object';
const KEYS = 'access-key-id=anyone&secret-access-key=anything';

/** Starts what they read from, which `stack` ends. */
export async function openContestants(
  stack: AsyncDisposableStack,
): Promise<Readonly<Record<'directory' | 's3' | 'obs', Contestants>>> {
  const port = await startServer(stack);
  const s3 = `s3://lade?endpoint=http://127.0.0.1:${port}&path-style=true&${KEYS}`;
  const obs = `obs://lade?endpoint=http://127.0.0.1:${port}&signature=v2&${KEYS}`;
  const bare = openBareClient(stack, port);
  const peer = 'node:http with kept connections';
  return {
    directory: await openDirectory(stack),
    s3: { driver: readerOf(stack.use(await openBucket(s3))), bare, peer },
    obs: { driver: readerOf(stack.use(await openBucket(obs))), bare, peer },
  };
}

async function startServer(stack: AsyncDisposableStack): Promise<number> {
  const program = fileURLToPath(new URL('./range-server.ts', import.meta.url));
  const child = fork(program, [String(OBJECT_BYTES)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  stack.defer(async () => {
    child.disconnect();
    await once(child, 'exit');
  });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return Number(line);
}

function readerOf(bucket: Bucket): RangeReader {
  return async (offset, length) => {
    const { body } = await bucket.get(KEY, { offset, length });
    let seen = 0;
    for await (const chunk of body) seen += chunk.byteLength;
    return seen;
  };
}

function openBareClient(stack: AsyncDisposableStack, port: number): RangeReader {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  stack.defer(() => agent.destroy());
  return async (offset, length) => {
    const headers = { range: `bytes=${offset}-${offset + length - 1}` };
    const request = get({ host: '127.0.0.1', port, path: `/lade/${KEY}`, agent, headers });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    let seen = 0;
    answer.on('data', (chunk: Buffer) => {
      seen += chunk.byteLength;
    });
    await once(answer, 'end');
    return seen;
  };
}

async function openDirectory(stack: AsyncDisposableStack): Promise<Contestants> {
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-ranges-')));
  const bucket = stack.use(await openBucket(`file://${folder.path}`));
  await bucket.put(KEY, fromBytes(Buffer.alloc(OBJECT_BYTES, 'lade')), { sizeBytes: OBJECT_BYTES });
  const file: FileHandle = stack.use(await open(join(folder.path, KEY)));
  const bare: RangeReader = async (offset, length) =>
    (await file.read(Buffer.allocUnsafe(length), 0, length, offset)).bytesRead;
  return { driver: readerOf(bucket), bare, peer: 'reads of an open file' };
}
