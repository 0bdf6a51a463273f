import type { Container, Labels, TaskExit } from './ports.ts';

/** As ctr and the Kubernetes runtime have it. */
export const STOP_SIGNAL = 'io.containerd.image.config.stop-signal';

/** On a snapshot, until its container's record is there to say it. */
export const SNAPSHOT_OF = 'lade/container';

const STARTED_AT = 'lade/started-at';
const START_MS = 'lade/start-ms';
const EXIT_STATUS = 'lade/exit-status';
const EXITED_AT = 'lade/exited-at';
const REMOVE = 'lade/remove';
const OURS = 'lade/run';

/** containerd refuses labels whose name and value have more. */
const MAX_LABEL_BYTES = 4096;

/** Containers that Lade has made. */
export const OURS_FILTER = `labels."${OURS}"==true`;

/** What is remembered of a run. Times are ISO 8601. */
export interface RunNotes {
  readonly startedAt?: string;
  readonly startMs?: number;
  readonly exitStatus?: number;
  readonly exitedAt?: string;
}

export function labelsAtCreation(image: Labels | undefined, stopSignal: string, remove: boolean): Labels {
  const fitting = Object.entries(image ?? {}).filter(
    ([name, value]) => Buffer.byteLength(name) + Buffer.byteLength(value) <= MAX_LABEL_BYTES,
  );
  const own = { [STOP_SIGNAL]: stopSignal, [OURS]: 'true', ...(remove ? { [REMOVE]: 'true' } : {}) };
  return { ...Object.fromEntries(fitting), ...own };
}

export function labelsAtStart(startedAt: Date, ms: number): Labels {
  return { [STARTED_AT]: startedAt.toISOString(), [START_MS]: String(Math.round(ms)) };
}

export function labelsAtExit({ exitStatus, exitedAt }: TaskExit): Labels {
  return { [EXIT_STATUS]: String(exitStatus), [EXITED_AT]: exitedAt.toISOString() };
}

export function isToBeRemoved({ labels }: Pick<Container, 'labels'>): boolean {
  return labels[REMOVE] === 'true';
}

export function isOurs({ labels }: Pick<Container, 'labels'>): boolean {
  return labels[OURS] === 'true';
}

export function readNotes({ labels }: Pick<Container, 'labels'>): RunNotes {
  const { [STARTED_AT]: startedAt, [EXITED_AT]: exitedAt } = labels;
  const startMs = numberOf(labels[START_MS]);
  const exitStatus = numberOf(labels[EXIT_STATUS]);
  return {
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(startMs === undefined ? {} : { startMs }),
    ...(exitStatus === undefined ? {} : { exitStatus }),
    ...(exitedAt === undefined ? {} : { exitedAt }),
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
