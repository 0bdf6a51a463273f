import { closeSync } from 'node:fs';
import type { Logger } from '@lade/log';
import { createFanotifyGroup, createJournal, openFuseDevice } from '@lade/on-demand';
import { KeeperLink } from './keeper-link.ts';

/** A kernel's side of files on demand, and the memory of what it has asked. */
export interface Gate {
  readonly device: number;
  readonly journal: number;
}

export type GateKind = 'fanotify' | 'fuse';

/** What must outlive this daemon: the keeper has it too. */
export interface HeldGates extends AsyncDisposable {
  /** Those that this kernel has. */
  readonly gates: Readonly<Partial<Record<GateKind, Gate>>>;
  readonly keeper: KeeperLink;
}

const OPEN: Readonly<Record<GateKind, () => number>> = {
  fanotify: createFanotifyGroup,
  fuse: openFuseDevice,
};
const KINDS = Object.keys(OPEN) as GateKind[];

/** Takes the descriptors over from the keeper of `root`, or makes them and a keeper. */
export async function holdGates(root: string, log: Logger): Promise<HeldGates> {
  const keeper = await KeeperLink.connect({ root, create: () => createGates(log), log });
  const gates: Partial<Record<GateKind, Gate>> = {};
  for (const kind of KINDS) {
    const { [kind]: device, [journalOf(kind)]: journal } = keeper.descriptors;
    if (device !== undefined && journal !== undefined) gates[kind] = { device, journal };
  }
  return {
    gates,
    keeper,
    async [Symbol.asyncDispose]() {
      for (const descriptor of Object.values(keeper.descriptors)) closeSync(descriptor);
      await keeper[Symbol.asyncDispose]();
    },
  };
}

/** Both kinds, whichever is used: the next daemon may be told to use the other. */
function createGates(log: Logger): Record<string, number> {
  const descriptors: Record<string, number> = {};
  for (const kind of KINDS) {
    try {
      descriptors[kind] = OPEN[kind]();
      descriptors[journalOf(kind)] = createJournal();
    } catch (error) {
      log.info('kernel lacks a way to fill on demand', { fill: kind, error });
    }
  }
  return descriptors;
}

function journalOf(kind: GateKind): string {
  return `${kind}-journal`;
}
