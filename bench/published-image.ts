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
  type StandIn,
} from '@lade/sandbox';
import type { LadeNode } from '@lade/tour';
import type { BenchContext } from './benchmark.ts';
import { startNode } from './start-node.ts';
import { filledBytes, measureTouched, type Touched } from './touched-bytes.ts';

const RECORDED_MS = 90_000;
/** Longer than a node waits for a layer to be touched again, and then takes to tell. */
const SETTLED_MS = 25_000;

/** An image that can be started, in a registry and in a bucket. */
interface StartableImage {
  /** Of the image in the bucket. */
  readonly reference: string;
  /** As "python:latest". */
  readonly name: string;
  /** Prints a line "ready" when it is. */
  readonly command: readonly string[];
}

/** An image in a registry, and in a bucket, where a node that is gone has brought it. */
export interface PublishedImage extends StartableImage, AsyncDisposable {
  readonly origin: Origin;
  readonly store: StandIn;
  /** A small one in the same places that has nothing in common with it: a node that has run it is no longer new. */
  readonly other: StartableImage;
  /** Of all its files. */
  readonly rawBytes: number;
  readonly touched: Touched;
}

export async function publishImage(name: ReadyImage, context: BenchContext): Promise<PublishedImage> {
  const { cacheFolder, signal, say } = context;
  await using stack = new AsyncDisposableStack();
  const [image, small] = [
    await buildImage(name, { cacheFolder, signal, log: say }),
    await buildImage('busybox', { cacheFolder, signal, log: say }),
  ];
  const origin = stack.use(await startOrigin([image.layout, small.layout]));
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-store-')));
  const store = stack.use(await startS3StandIn(folder.path));
  const startable = (name: string, command: readonly string[]): StartableImage => ({
    reference: `${origin.address}/${name}`,
    name,
    command,
  });
  const published = startable(image.name, READY_COMMANDS[name]);
  const other = startable(small.name, ['/bin/busybox', 'echo', 'ready']);
  const { reference, command } = published;
  await using node = await startNode({ ...context, flags: [] }, bucketUrl(store.address));
  for (const each of [other, published]) {
    await node.containerd.pull(each.reference, { snapshotter: 'lade' });
    await node.uploaded();
    await node.publishes(each.reference);
  }
  const request = { containerd: node.containerd, snapshotter: 'lade', reference, command };
  const touched = await measureTouched(context, node, request);
  await startRecorded(node);
  const rawBytes = await filledBytes(node);
  const owned = stack.move();
  return {
    ...published,
    origin,
    store,
    other,
    rawBytes,
    touched,
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** Waits until the node has told the bucket what the start of its container touched of every layer, as a node that lives on does. */
async function startRecorded(node: LadeNode): Promise<void> {
  const began = Date.now();
  let [recorded, newAt] = [0, began];
  while (recorded === 0 || Date.now() - newAt < SETTLED_MS) {
    if (Date.now() - began > RECORDED_MS)
      throw new CodedError('deadline_exceeded', 'Cannot measure: the first start was not recorded');
    await sleep(100);
    const before = recorded;
    recorded = (await readFile(node.logFile, 'utf8')).split('"start recorded"').length - 1;
    if (recorded > before) newAt = Date.now();
  }
}

/** The bucket of a store at `address`, which may be the near end of a link to it. */
export function bucketUrl(address: string): string {
  const key = 'access-key-id=anyone&secret-access-key=anything';
  return `s3://lade/?endpoint=http://${address}&path-style=true&${key}`;
}
