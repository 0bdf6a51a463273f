import { createCipheriv, hash } from 'node:crypto';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bucket } from '@lade/bucket';
import {
  ChunkCatalogue,
  NO_CHAIN_KEYS,
  publishChain,
  publishLayer,
  readIndex,
  type ChainKeys,
} from '@lade/layers';
import { createLogger } from '@lade/log';
import { chainId, type Digest } from '@lade/oci';
import { openDatabase, type Database } from '@lade/sqlite';
import type { FillMode } from '../fill-mode.ts';
import { Foreground } from '../foreground.ts';
import { createFullMode } from '../full-mode.ts';
import type { ErofsMounter } from '../layer-mounts.ts';
import { LayerIndexes } from '../layer-indexes.ts';
import { LayerSync } from '../layer-sync.ts';
import { LayerTable } from '../layer-table.ts';
import { createLazyMode } from '../lazy-mode.ts';
import { LocalLayers } from '../local-layers.ts';
import type { OnDemandFiles } from '../on-demand-files.ts';
import { openResidency, type Residency, type ResidencyOptions } from '../open-residency.ts';
import type { Fills } from '../fills.ts';

/** Mounts in name only: nothing here looks through one. */
export class RecordingMounter implements ErofsMounter {
  readonly mounted = new Map<string, { readonly metadata: string; readonly blob: string }>();
  /** What every mount so far was of, by target. */
  readonly calls: string[] = [];
  /** Of the last mount. */
  started: Promise<void> | undefined;
  /** Awaited before each unmount. */
  beforeUnmount: () => Promise<void> = async () => {};
  failure: Error | undefined;

  async mount(...[files, target, { started }]: Parameters<ErofsMounter['mount']>): Promise<void> {
    this.calls.push(target);
    this.started = started;
    if (this.failure) throw this.failure;
    this.mounted.set(target, files);
  }

  async unmount(target: string): Promise<void> {
    await this.beforeUnmount();
    this.mounted.delete(target);
  }

  async mountPointsBelow(folder: string): Promise<readonly string[]> {
    return [...this.mounted.keys()].filter((path) => path.startsWith(`${folder}/`));
  }
}

/** A node's layers: a folder, a database, a bucket, and mounts in name only. */
export interface TestNode extends AsyncDisposable {
  readonly root: string;
  readonly db: Database;
  /** Lines. */
  readonly log: readonly string[];
  readonly mounter: RecordingMounter;
  readonly waiting: Set<Digest>;
  readonly fills: Fills[];
  readonly layers: LocalLayers;
  readonly catalogue: ChunkCatalogue;
  readonly table: LayerTable;
  readonly residency: Residency;
  /** The fill mode of the daemon opened last. */
  mode(): FillMode & AsyncDisposable;
  /** What the next daemon would open. */
  reopen(): Promise<LocalLayers>;
  /** Puts a layer of this node into the bucket, on top of a chain; returns the new chain. */
  publish(diffId: Digest, parent?: Digest, keys?: ChainKeys): Promise<Digest>;
  /** Names below `<root>/layers`. */
  folders(): Promise<string[]>;
}

/** Mode `full` without `files`. */
export interface TestNodeOptions {
  readonly files?: OnDemandFiles;
  readonly backgroundBytesPerSecond?: number;
  readonly restAfterMs?: number;
  readonly recordQuietMs?: number;
  readonly startMs?: number;
  readonly cache?: NonNullable<ResidencyOptions['cache']>;
}

export async function openTestNode(bucket: Bucket, options: TestNodeOptions = {}): Promise<TestNode> {
  const { files, cache, ...lazy } = options;
  await using stack = new AsyncDisposableStack();
  const { path: root } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-residency-')));
  const db = stack.adopt(openDatabase(join(root, 'state.db')), (it) => it.close());
  const catalogue = new ChunkCatalogue(db);
  const mounter = new RecordingMounter();
  const lines: string[] = [];
  const log = createLogger((line) => void lines.push(line));
  const waiting = new Set<Digest>();
  const fills: Fills[] = [];
  const table = new LayerTable(db);
  const residency = stack.use(
    await openResidency({ root, bucket, catalogue, table, log, ...(cache ? { cache } : {}) }),
  );
  const sync = stack.use(new LayerSync(residency.boot, log));
  const full = createFullMode(residency, (_, result) => void fills.push(result));
  let mode: FillMode & AsyncDisposable;
  stack.defer(async () => mode[Symbol.asyncDispose]());
  const open = async (): Promise<LocalLayers> => {
    const foreground = new Foreground();
    mode = files
      ? createLazyMode(files, residency, { foreground, ...lazy })
      : { ...full, async [Symbol.asyncDispose]() {} };
    const opened = await LocalLayers.open({
      root,
      table,
      catalogue,
      mounter,
      modes: { current: mode, find: (name) => (name === mode.name ? mode : undefined) },
      sync,
      indexes: new LayerIndexes({
        table,
        log,
        counters: residency.counters,
        find: async (diffId, options) => readIndex(bucket, diffId, options),
      }),
      counters: residency.counters,
      log,
      isWaiting: (diffId) => waiting.has(diffId),
    });
    residency.quota?.start((diffId) => opened.isMounted(diffId));
    return opened;
  };
  const layers = await open();
  const owned = stack.move();
  return {
    root,
    db,
    log: lines,
    mounter,
    waiting,
    fills,
    layers,
    catalogue,
    table,
    residency,
    mode: () => mode,
    async reopen() {
      await mode[Symbol.asyncDispose]();
      return open();
    },
    async publish(diffId, parent, keys = NO_CHAIN_KEYS) {
      const { index } = await publishLayer(layers.folderOf(diffId), {
        bucket,
        catalogue,
        turn: async () => {},
      });
      const chain = chainId(parent, diffId);
      const record = { parent, diffId, index: index.digest, indexHeadBytes: index.head.byteLength };
      await publishChain(bucket, chain, record, { keys });
      return chain;
    },
    folders: async () => (await readdir(join(root, 'layers'))).sort(),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}

/** Bytes without any pattern, the same for the same seed. */
export function noise(seed: number, sizeBytes: number): Buffer {
  const key = hash('md5', String(seed), 'buffer');
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes));
}

/** `bucket`, but every get goes through `before` first, which may throw. */
export function watchGets(bucket: Bucket, before: (key: string) => void): Bucket {
  return new Proxy(bucket, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (name !== 'get') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      return async (...args: Parameters<Bucket['get']>) => {
        before(args[0]);
        return target.get(...args);
      };
    },
  });
}
