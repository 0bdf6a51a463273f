import { closeSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unmount } from '@lade/linux';
import {
  createFanotifyGroup,
  createJournal,
  openFanotifyFiles,
  openFuseDevice,
  openFuseFiles,
  type OnDemandFiles,
} from '../index.ts';

export const KINDS = ['fanotify', 'fuse'] as const;
export type Kind = (typeof KINDS)[number];

/** What outlives the process that serves: descriptors and folders. */
export interface Kept {
  readonly kind: Kind;
  readonly device: number;
  readonly journal: number;
  readonly folder: string;
}

/** A folder with `files` for the blobs and `served` for where they are read; all is undone when it is disposed. */
export async function keep(kind: Kind): Promise<Kept & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'lade-on-demand-'));
  mkdirSync(join(folder, 'files'));
  mkdirSync(join(folder, 'served'));
  const device = kind === 'fanotify' ? createFanotifyGroup() : openFuseDevice();
  const journal = createJournal();
  return {
    kind,
    device,
    journal,
    folder,
    [Symbol.asyncDispose]: async () => {
      closeSync(device);
      closeSync(journal);
      await unmount(join(folder, 'served'), { detach: true }).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface OpenOptions {
  readonly passthrough?: boolean;
  readonly onStep?: string;
  readonly onFailed?: (reason: unknown) => void;
}

/** Opens what `kept` keeps. */
export function openFiles(kept: Kept, options: OpenOptions = {}): Promise<OnDemandFiles> {
  const { kind, device, journal, folder } = kept;
  const [source, mountPoint] = [join(folder, 'files'), join(folder, 'served')];
  const common = { journal, onFailed: fail, ...options };
  return kind === 'fanotify'
    ? openFanotifyFiles({ ...common, group: device, watched: { source, mountPoint } })
    : openFuseFiles({ ...common, device, mountPoint });
}

function fail(reason: unknown): never {
  throw reason;
}
