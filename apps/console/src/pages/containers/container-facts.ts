import type { ContainerReads, ContainerState, ContainerSummary } from '@lade/control-protocol';
import type { Tone } from '../../components/badge.tsx';
import { formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

const TONES = {
  running: 'good',
  created: 'accent',
  paused: 'warn',
  pausing: 'warn',
  stopped: 'calm',
  unknown: 'warn',
  none: 'calm',
} as const satisfies Record<ContainerState, Tone>;

export function toneOf({ state, exitStatus }: ContainerSummary): Tone {
  return state === 'stopped' && exitStatus !== undefined && exitStatus !== 0 ? 'bad' : TONES[state];
}

export function stateText({ state, exitStatus }: ContainerSummary): string {
  const words = t().containers;
  return state === 'stopped' && exitStatus !== undefined ? words.exited(exitStatus) : words.states[state];
}

/** When its task was started, as far as Lade has seen it. */
export function startedAt({ startedAt: ours, start }: ContainerSummary): string | undefined {
  return ours ?? start?.startedAt;
}

/** How long its start took. */
export function startText({ startMs, start }: ContainerSummary): string {
  const ms = startMs ?? start?.ms;
  return ms === undefined ? '–' : formatDuration(ms);
}

/** Whether figures tell something: of layers whose reads nobody sees, zeros do not. */
export function isSeen({ requests, unseenLayers = [] }: ContainerReads): boolean {
  return requests > 0 || unseenLayers.length === 0;
}
