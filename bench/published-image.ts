import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@lade/errors';
import {
  READY_COMMANDS,
  buildImage,
  startOrigin,
  startS3StandIn,
  type Origin,
  type ReadyImage,
  type S3StandIn,
} from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import type { BenchContext } from './benchmark.ts';
import { startNode } from './start-node.ts';
import { filledBytes, measureTouched, type Touched } from './touched-bytes.ts';

const RECORDED_MS = 90_000;
const SETTLED_MS = 3_000;

/** An image in a registry, and in a bucket, where a node that is gone has brought it. */
export interface PublishedImage extends AsyncDisposable {
  readonly origin: Origin;
  readonly store: S3StandIn;
  /** Of the image in the bucket. */
  readonly reference: string;
  /** As "python:latest". */
  readonly name: string;
  readonly command: readonly string[];
  /** Of all its files. */
  readonly rawBytes: number;
  readonly touched: Touched;
}

export async function publishImage(name: ReadyImage, context: BenchContext): Promise<PublishedImage> {
  const { cacheFolder, signal, say } = context;
  await using stack = new AsyncDisposableStack();
  const image = await buildImage(name, { cacheFolder, signal, log: say });
  const origin = stack.use(await startOrigin([image.layout]));
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-store-')));
  const store = stack.use(await startS3StandIn(folder.path));
  const reference = `${origin.address}/${image.name}`;
  const command = READY_COMMANDS[name];
  await using node = await startNode({ ...context, flags: [] }, bucketUrl(store.address));
  await node.containerd.pull(reference, { snapshotter: 'lade' });
  await node.uploaded();
  await node.publishes(reference);
  const request = { containerd: node.containerd, snapshotter: 'lade', reference, command };
  const touched = await measureTouched(context, node, request);
  await startRecorded(node);
  const rawBytes = await filledBytes(node);
  const owned = stack.move();
  return {
    origin,
    store,
    reference,
    name: image.name,
    command,
    rawBytes,
    touched,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** Waits until the node has told the bucket what the start of its container touched, as a node that lives on does. */
async function startRecorded(node: LadeNode): Promise<void> {
  const deadline = Date.now() + RECORDED_MS;
  while (!(await readFile(node.logFile, 'utf8')).includes('"start recorded"')) {
    if (Date.now() > deadline)
      throw new CodedError('deadline_exceeded', 'Cannot measure: the first start was not recorded');
    await sleep(100);
  }
  // All its layers were touched in the same start.
  await sleep(SETTLED_MS);
}

/** The bucket of a store at `address`, which may be the near end of a link to it. */
export function bucketUrl(address: string): string {
  const key = 'access-key-id=anyone&secret-access-key=anything';
  return `s3://lade/?endpoint=http://${address}&path-style=true&${key}`;
}
