import type { Start as StartSummary } from '@lade/control-protocol';
import type { Start } from '@lade/starts';

/** As the control API tells it. */
export function summariseStart({ startedAt, ms, waitMs, pullMs, isOver, ...start }: Start): StartSummary {
  return {
    ...start,
    startedAt: startedAt.toISOString(),
    ms: rounded(ms),
    ...(pullMs === undefined ? {} : { pullMs: rounded(pullMs) }),
    waitMs: rounded(waitMs),
    over: isOver,
  };
}

/** To a tenth. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
