import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LAYER_FILES } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { AnnouncedStarts } from './announced-starts.ts';
import { BackgroundFill } from './background-fill.ts';
import type { FillMode, MountTarget } from './fill-mode.ts';
import type { FillSpans } from './fill-spans.ts';
import type { Foreground } from './foreground.ts';
import type { OnDemandFiles } from './on-demand-files.ts';
import type { Residency } from './open-residency.ts';
import type { ServeContext } from './serve-context.ts';
import { ServedBlob, type Served } from './served-blob.ts';

export interface LazyModeOptions {
  readonly foreground: Foreground;
  /** For completing blobs that are in use. Default 8 MiB/s; 0: they are never completed. */
  readonly backgroundBytesPerSecond?: number;
  /** See ServeContext. Default 10 s. */
  readonly startMs?: number;
  /** A blob that nobody asks for that long gives its memory back. Default 60 s. */
  readonly restAfterMs?: number;
  /** Called when a layer is on its way: `files` are needed soon. */
  readonly getReady?: () => void;
  /** A start whose chunks are told to other nodes is over when nothing new was touched for so long; undefined: nothing is told. */
  readonly recordQuietMs?: number | undefined;
  readonly fillSpans?: FillSpans;
}

export interface LazyMode extends FillMode, AsyncDisposable {
  /** Whether a mount depends on somebody who answers the kernel. Also after disposal. */
  readonly isNeeded: boolean;
}

/**
 * A mode that fetches what the kernel asks for. Dispose `files` first, so that nobody asks any more: that keeps the
 * mounts, and the next daemon attaches them again.
 */
export function createLazyMode(
  files: OnDemandFiles,
  residency: Residency,
  options: LazyModeOptions,
): LazyMode {
  const { foreground, backgroundBytesPerSecond: bytesPerSecond = 8 << 20, restAfterMs = 60_000 } = options;
  const { recordQuietMs, startMs = 10_000, fillSpans, getReady = () => {} } = options;
  const background = new BackgroundFill({ foreground, log: residency.log, bytesPerSecond });
  const starts = new AnnouncedStarts(residency.bucket);
  const context: ServeContext = {
    ...residency,
    files,
    foreground,
    background,
    starts,
    fillSpans,
    startMs,
    restAfterMs,
    recordQuietMs,
  };
  const attached = new Map<Digest, Promise<Served>>();
  /** Of mounted layers. */
  const served = new Set<ServedBlob>();
  const open = async (target: MountTarget): Promise<Served> => {
    const { diffId } = target.index.header;
    const opening = attached.get(diffId) ?? ServedBlob.open(target, context);
    attached.set(diffId, opening);
    try {
      return await opening;
    } catch (reason) {
      attached.delete(diffId);
      throw reason;
    }
  };
  return {
    name: files.kind,
    get isNeeded() {
      // Over FUSE even what is whole is read through us.
      return files.kind === 'fuse' ? served.size > 0 : [...served].some(({ isSilent }) => !isSilent);
    },
    announce(diffId) {
      getReady();
      starts.announce(diffId);
    },
    async prepare({ index, folder }) {
      await using blob = await openFile(join(folder, LAYER_FILES.blob), 'w', 0o600);
      await blob.truncate(index.header.blobBytes);
      return { isWhole: index.header.blobBytes === 0 };
    },
    async expect(target) {
      await open(target);
    },
    async attach(target) {
      const { blob, kernelPath } = await open(target);
      served.add(blob);
      return { kernelPath, started: blob.started, whole: blob.staysWhole };
    },
    served: async (diffId) => (await attached.get(diffId)?.catch(() => undefined))?.blob,
    async detach(diffId) {
      const opened = await attached.get(diffId)?.catch(() => undefined);
      if (!opened) return;
      attached.delete(diffId);
      served.delete(opened.blob);
      await files.forget(opened.blob.number);
      await opened.blob[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      await starts[Symbol.asyncDispose]();
      await background[Symbol.asyncDispose]();
      for (const opening of attached.values())
        await (await opening.catch(() => undefined))?.blob[Symbol.asyncDispose]();
    },
  };
}
