import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openBucket, type Bucket } from '@lade/bucket';
import { isCodedError } from '@lade/errors';
import { ChunkCatalogue, UploadQueue } from '@lade/layers';
import { SILENT } from '@lade/log';
import { digestOf, type Digest } from '@lade/oci';
import { LayerTable } from '@lade/residency';
import { Snapshotter } from '@lade/snapshots';
import { fromBytes } from '@lade/streams';
import { parseConfig } from '../apps/daemon/config.ts';
import { openPlatform, type Platform } from '../apps/daemon/open-platform.ts';
import { soundTar } from './broken-layers.ts';

/*
 * What a daemon does with one layer, without containerd, in a process that can be told to die at an exact point. Says on
 * standard output what a caller would have been told by then.
 *
 *   node crash-child.ts ROOT BUCKET_URL SCENARIO [POINT]
 */
const SNAPSHOT_REF = 'containerd.io/snapshot.ref';

/** Enough for two packs. */
export const LARGE_BYTES = 17 << 20;
const TAR = soundTar(1, LARGE_BYTES);
export const LAYER = digestOf(TAR);

export type Scenario = 'pull' | 'remove';

/** What the node looks like right after a start. */
export interface StartReport {
  readonly rows: readonly Digest[];
  readonly folders: readonly string[];
  readonly committed: boolean;
  readonly waiting: number;
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/** Kills this process right before, or once it has ended well, a call of a method. */
function dieAt(
  owner: object,
  name: string,
  when: 'before' | 'after',
  isMeant: (...args: unknown[]) => boolean = () => true,
): void {
  const methods = owner as Record<string, Method>;
  const original = methods[name];
  if (!original) throw new TypeError(`there is no method ${name}`);
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  methods[name] = function (this: unknown, ...args) {
    if (!isMeant(...args)) return original.apply(this, args);
    if (when === 'before') die();
    const result = original.apply(this, args);
    if (!(result instanceof Promise)) return die();
    return result.then(die);
  };
}

const nth = (count: number, prefix: string): ((...args: unknown[]) => boolean) => {
  let seen = 0;
  return (key) => String(key).startsWith(prefix) && ++seen === count;
};

/** Where to die; `bucket` is the class of the bucket. */
const POINTS: Readonly<Record<string, (bucket: object) => void>> = {
  'before the row of a folder': () => dieAt(LayerTable.prototype, 'insert', 'before'),
  'after the row of a folder': () => dieAt(LayerTable.prototype, 'insert', 'after'),
  'after its chunks are known': () => dieAt(ChunkCatalogue.prototype, 'addBlob', 'after'),
  'before the layer is attached': () => dieAt(Snapshotter.prototype, 'attachLayer', 'before'),
  'after the layer is attached': () => dieAt(Snapshotter.prototype, 'attachLayer', 'after'),
  'inside the transaction of the commit': () => dieAt(UploadQueue.prototype, 'enqueue', 'after'),
  'after the commit': () => dieAt(Snapshotter.prototype, 'commit', 'after'),
  'before the first pack': (bucket) => dieAt(bucket, 'put', 'before', nth(1, 'packs/')),
  'after the first pack': (bucket) => dieAt(bucket, 'put', 'after', nth(1, 'packs/')),
  'after the second pack': (bucket) => dieAt(bucket, 'put', 'after', nth(2, 'packs/')),
  'after the index': (bucket) => dieAt(bucket, 'put', 'after', nth(1, 'layers/')),
  'before the chain record': (bucket) => dieAt(bucket, 'put', 'before', nth(1, 'chains/')),
  'after the chain record': (bucket) => dieAt(bucket, 'put', 'after', nth(1, 'chains/')),
  'in the middle of a fetch': (bucket) => dieAt(bucket, 'get', 'after', nth(3, 'packs/')),
  'after the row is removed': () => dieAt(LayerTable.prototype, 'remove', 'after'),
  'before its chunks are forgotten': () => dieAt(ChunkCatalogue.prototype, 'forgetBlob', 'before'),
};

if (import.meta.main) {
  const [root = '', bucketUrl = '', scenario = '', point] = process.argv.slice(2);
  await using platform = await openPlatform(
    parseConfig(['--root', root, '--bucket', bucketUrl, '--fill', 'full'], {}),
    { log: SILENT, tellBucket: () => {}, uploaded: () => {}, unpacked: () => {} },
  );
  say('started', await report(platform, root));
  if (point !== undefined) POINTS[point]?.(Object.getPrototypeOf(await openBucket(bucketUrl)) as Bucket);
  await pull(platform);
  if (scenario === 'remove') await remove(platform);
  else await look(platform);
}

function say(what: string, value: unknown = true): void {
  process.stdout.write(`${JSON.stringify({ [what]: value })}\n`);
}

async function report({ layers, snapshotter, uploads }: Platform, root: string): Promise<StartReport> {
  return {
    rows: layers.list().map(({ diffId }) => diffId),
    folders: await readdir(join(root, 'layers')),
    committed: [...snapshotter.walk()].some(isCommitted),
    waiting: uploads.status().waiting,
  };
}

/** What containerd's unpacker asks for, until the bucket has it all. */
async function pull({ layers, snapshotter, uploads }: Platform): Promise<void> {
  const labels = { [SNAPSHOT_REF]: LAYER };
  const key = `extract-${process.pid}`;
  try {
    await snapshotter.prepare(key, '', labels);
    using layer = await layers.convert(fromBytes(TAR), {});
    snapshotter.attachLayer(key, layer.diffId);
    snapshotter.commit(LAYER, key, { labels });
    say('converted');
  } catch (reason) {
    if (!isCodedError(reason, 'already_exists')) throw reason;
    say('found');
  }
  say('committed');
  uploads.start();
  while (uploads.status().waiting > 0) await sleep(10);
  say('uploaded');
}

/** Reads the layer's large file where the kernel has it mounted. */
async function look({ snapshotter }: Platform): Promise<void> {
  const [committed] = [...snapshotter.walk()].filter(isCommitted);
  const [mount] = await snapshotter.view(`view-${process.pid}`, committed?.name ?? '');
  say('content', digestOf(await readFile(join(mount?.source ?? '', 'usr/large-1'))));
}

async function remove({ snapshotter }: Platform): Promise<void> {
  const all = [...snapshotter.walk()];
  const [committed, others] = [all.filter(isCommitted), all.filter((info) => !isCommitted(info))];
  for (const { name } of [...others, ...committed]) snapshotter.remove(name);
  await snapshotter.cleanup();
  say('removed');
}

function isCommitted({ kind }: { readonly kind: string }): boolean {
  return kind === 'committed';
}
