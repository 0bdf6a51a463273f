import type { Environment } from '@lade/bucket';
import type { Status } from '@lade/control-protocol';
import { examineBucket } from './doctor-bucket.ts';
import { examineContainerd, examinePlugin } from './doctor-containerd.ts';
import { examineDaemon } from './doctor-daemon.ts';
import { examineFillOnDemand } from './doctor-fill.ts';
import { examineKernel, examinePrivileges } from './doctor-kernel.ts';
import { examineErofs, examineOverlayfs } from './doctor-mounts.ts';
import { failed } from './failed-outcome.ts';
import { examineDisk, examineRoot, examineSparseFiles } from './doctor-root.ts';

export { findDaemon } from './doctor-daemon.ts';

export interface DiagnoseOptions {
  /** The daemon's root folder; need not exist. */
  readonly root: string;
  /** The daemon's socket. */
  readonly address: string;
  readonly bucketUrl?: string;
  /** Where the bucket's credentials may be. */
  readonly environment?: Environment;
  /** containerd's socket. */
  readonly containerd?: string;
  /** What the daemon says that serves `address`, if one does; see findDaemon(). */
  readonly daemon?: Status | undefined;
}

/** What one check has found. A warning lets Lade work, less well. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly found: string;
  /** What to do; always there when the state is `failed`. */
  readonly cure?: string;
}

export type Outcome = Omit<Finding, 'check'>;

type Examine = (options: DiagnoseOptions) => Promise<Outcome | readonly Finding[]>;

const CHECKS: readonly (readonly [check: string, examine: Examine])[] = [
  ['privileges', examinePrivileges],
  ['kernel', examineKernel],
  ['root', examineRoot],
  ['disk', examineDisk],
  ['sparse files', examineSparseFiles],
  ['EROFS', examineErofs],
  ['overlayfs', examineOverlayfs],
  ['fill on demand', examineFillOnDemand],
  ['containerd', examineContainerd],
  ['containerd plugin', examinePlugin],
  ['bucket', examineBucket],
  ['daemon', examineDaemon],
];

/** What a plain user finds of these are consequences of that alone. */
const ROOT_ONLY: ReadonlySet<string> = new Set([
  'root',
  'sparse files',
  'EROFS',
  'overlayfs',
  'fill on demand',
  'containerd',
  'containerd plugin',
  'daemon',
]);

/**
 * Examines whether a daemon can work here, by doing what it would do: mounts and objects are made and removed again.
 * Needs no daemon. A check that fails is a finding; nothing is thrown.
 */
export async function* diagnose(options: DiagnoseOptions): AsyncGenerator<Finding> {
  const isRoot = process.geteuid?.() === 0;
  for (const [check, examine] of CHECKS) {
    if (!isRoot && ROOT_ONLY.has(check)) {
      yield { check, state: 'warning', found: 'not examined: only root can' };
      continue;
    }
    const outcome = await examine(options).catch(failed);
    if ('found' in outcome) yield { check, ...outcome };
    else yield* outcome;
  }
}
