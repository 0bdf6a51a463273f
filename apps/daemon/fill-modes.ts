import { existsSync } from 'node:fs';
import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError, wrapError } from '@lade/errors';
import { isMountPoint, readMounts, unmount } from '@lade/linux';
import type { Logger } from '@lade/log';
import { openFanotifyFiles, openFuseFiles } from '@lade/on-demand';
import {
  createFullMode,
  createLazyMode,
  parseMountName,
  type FillMode,
  type FillModeName,
  type FillModes,
  type FillSpans,
  type Foreground,
  type LazyMode,
  type OnDemandFiles,
  type Residency,
} from '@lade/residency';
import { outsideTraces } from '@lade/tracing';
import type { DaemonConfig } from './config.ts';
import { holdGates, type Gate, type GateKind, type HeldGates } from './hold-gates.ts';
import { openWhenServed } from './open-when-served.ts';
import { proveFill } from './prove-fill.ts';

export interface FillModesOptions {
  readonly config: Pick<
    DaemonConfig,
    'root' | 'fill' | 'restart' | 'cacheBytes' | 'backgroundBytesPerSecond' | 'recordStarts'
  >;
  readonly residency: Residency;
  readonly foreground: Foreground;
  readonly startSpans: FillSpans;
  readonly log: Logger;
}

/** The ways to fill that this daemon uses, and its part of what outlives it. */
export interface OpenFillModes extends FillModes, AsyncDisposable {
  /** How often the keeper has started a daemon that had crashed; undefined without a keeper. */
  readonly keeperRestarts: number | undefined;
  /** Every layer that an earlier daemon left mounted is attached: what anybody else asks about is an error. */
  allAttached(): void;
  /** From now on layers may be mounted: a crash is followed by a restart. */
  serving(): Promise<void>;
  /** The end is planned: what is mounted waits for the next daemon, or needs none. Disposal follows. */
  leave(): void;
}

/** A start is over when it has touched nothing new for so long. */
const RECORD_QUIET_MS = 10_000;

/** In the order in which `auto` tries them. */
const LAZY: readonly GateKind[] = ['fanotify', 'fuse'];

/** Opens the mode that is configured, and those in which an earlier daemon has left mounts. Throws when it cannot be had. */
export async function openFillModes(options: FillModesOptions): Promise<OpenFillModes> {
  const { config, residency, log } = options;
  const full = createFullMode(residency, ({ index }, fills) => {
    log.info('layer fetched', { diffId: index.header.diffId, fills });
  });
  const left = await leftMounts(config.root);
  if (config.fill === 'full' && left.size === 0 && !existsSync(join(config.root, 'keeper.sock')))
    return withoutKeeper(full);
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await holdGates(config.root, log));
  const released = join(config.root, 'released');
  if (!held.keeper.inherited && !existsSync(released)) await dropUnanswered(left, log);
  await rm(released, { force: true });
  const lazy = new LazyModes(options, held);
  stack.use(lazy);
  const current = (await lazy.openWanted(config.fill)) ?? full;
  if (held.keeper.inherited) await lazy.openLeft(left.values());
  const owned = stack.move();
  let isLeaving = false;
  return {
    current,
    keeperRestarts: held.keeper.restarts,
    find: (name) => (name === 'full' ? full : lazy.find(name)),
    allAttached: () => lazy.allAttached(),
    async serving() {
      await held.keeper.serving({ restart: config.restart });
    },
    leave() {
      isLeaving = true;
    },
    async [Symbol.asyncDispose]() {
      const isNeeded = lazy.isNeeded;
      await lazy[Symbol.asyncDispose]();
      if (isLeaving && isNeeded) await held.keeper.bye();
      if (isLeaving && !isNeeded) {
        await unmountGates(config.root);
        await writeFile(released, '');
        await held.keeper.release();
      }
      await owned.disposeAsync();
    },
  };
}

function withoutKeeper(full: FillMode): OpenFillModes {
  return {
    current: full,
    keeperRestarts: undefined,
    find: (name) => (name === 'full' ? full : undefined),
    allAttached() {},
    async serving() {},
    leave() {},
    async [Symbol.asyncDispose]() {},
  };
}

class LazyModes implements AsyncDisposable {
  readonly #options: FillModesOptions;
  readonly #held: HeldGates;
  readonly #open = new Map<GateKind, { readonly mode: LazyMode; readonly files: OnDemandFiles }>();

  constructor(options: FillModesOptions, held: HeldGates) {
    this.#options = options;
    this.#held = held;
  }

  find(name: FillModeName): LazyMode | undefined {
    return name === 'full' ? undefined : this.#open.get(name)?.mode;
  }

  /** Whether a mount has to ask somebody. */
  get isNeeded(): boolean {
    return [...this.#open.values()].some(({ mode }) => mode.isNeeded);
  }

  /** Undefined: fill mode full. */
  async openWanted(fill: DaemonConfig['fill']): Promise<LazyMode | undefined> {
    if (fill === 'full') return undefined;
    for (const kind of fill === 'auto' ? LAZY : [fill]) {
      try {
        return await this.#openKind(kind);
      } catch (reason) {
        if (fill !== 'auto')
          throw wrapError(reason, `Cannot fill by ${kind}`, {
            cure: 'Choose --fill auto, or see lade doctor',
          });
        this.#options.log.warn('layers cannot be filled that way', { fill: kind, error: reason });
      }
    }
    return undefined;
  }

  async openLeft(names: Iterable<FillModeName>): Promise<void> {
    for (const name of new Set(names))
      if (name !== 'full' && !this.#open.has(name)) await this.#openKind(name);
  }

  allAttached(): void {
    for (const { files } of this.#open.values()) files.allServed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { files, mode } of this.#open.values()) {
      await files[Symbol.asyncDispose]();
      await mode[Symbol.asyncDispose]();
    }
    this.#open.clear();
  }

  async #openKind(kind: GateKind): Promise<LazyMode> {
    const gate = this.#held.gates[kind];
    if (!gate) throw new CodedError('unimplemented', `Cannot fill by ${kind}: this kernel does not offer it`);
    const { config, residency, foreground, startSpans: fillSpans } = this.#options;
    await using stack = new AsyncDisposableStack();
    // The first pull may have it opened; what it answers belongs to others, too.
    const open = (): Promise<OnDemandFiles> => outsideTraces(async () => this.#openFiles(kind, gate));
    const lazy = this.#held.keeper.inherited ? undefined : openWhenServed(kind, open);
    const files = stack.use(lazy ?? (await open()));
    if (lazy) await proveFill(kind, config.root);
    const { backgroundBytesPerSecond, recordStarts } = config;
    const recordQuietMs = recordStarts ? RECORD_QUIET_MS : undefined;
    const getReady = (): void => lazy?.getReady();
    const options = { foreground, backgroundBytesPerSecond, recordQuietMs, fillSpans, getReady };
    const mode = createLazyMode(files, residency, options);
    stack.move();
    this.#open.set(kind, { mode, files });
    return mode;
  }

  async #openFiles(kind: GateKind, { device, journal }: Gate): Promise<OnDemandFiles> {
    const { config, log } = this.#options;
    const onFailed = (error: unknown): void => {
      log.error('readers are not answered any more, the daemon ends', { fill: kind, error });
      process.exit(1);
    };
    const source = join(config.root, 'layers');
    const mountPoint = join(config.root, kind);
    await mkdir(source, { recursive: true, mode: 0o700 });
    // An earlier daemon may have died before the kernel knew its file system: nobody can look at that before we answer.
    if (!(await isMountPoint(mountPoint))) await mkdir(mountPoint, { recursive: true, mode: 0o700 });
    if (kind === 'fanotify')
      return openFanotifyFiles({ group: device, journal, watched: { source, mountPoint }, onFailed });
    // What the kernel reads without asking cannot be evicted under a mount.
    const passthrough = config.cacheBytes === undefined;
    return openFuseFiles({ device, journal, mountPoint, passthrough, onFailed });
  }
}

/** The layers that an earlier daemon has left mounted: mount point → mode. */
async function leftMounts(root: string): Promise<Map<string, FillModeName>> {
  const folder = join(root, 'mounts');
  const left = new Map<string, FillModeName>();
  for (const { mountPoint } of await readMounts()) {
    const mode = mountPoint.startsWith(`${folder}/`) ? parseMountName(basename(mountPoint))?.mode : undefined;
    if (mode) left.set(mountPoint, mode);
  }
  return left;
}

/** Those through which no layer is mounted: a blob that is open through one has to be watched there for ever. */
async function unmountGates(root: string): Promise<void> {
  const used = new Set((await leftMounts(root)).values());
  for (const kind of LAZY.filter((it) => !used.has(it))) {
    const mountPoint = join(root, kind);
    if (await isMountPoint(mountPoint)) await unmount(mountPoint, { detach: true });
  }
}

/**
 * Daemon and keeper died together, without a planned end: from then on holes were read as zeros, and the page cache of these mounts may have kept
 * them. Whoever uses one of them has to be started again; nobody else gets to see it.
 */
async function dropUnanswered(left: ReadonlyMap<string, FillModeName>, log: Logger): Promise<void> {
  for (const [mountPoint, mode] of left) {
    if (mode === 'full') continue;
    log.error('layer was mounted while nobody filled it: restart the containers that use it', { mountPoint });
    await unmount(mountPoint, { detach: true });
    await rmdir(mountPoint);
  }
}
