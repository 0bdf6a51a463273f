import { createDurations, type Durations } from '@lade/durations';
import { FILL_SOURCES } from './fills.ts';

/**
 * What a read that had to wait has waited for: where the last of its chunks came from; `none` where all was here when the read was
 * looked at, `failed` where one could not be had.
 */
export const WAIT_CAUSES = [...FILL_SOURCES, 'none', 'failed'] as const;
export type WaitCause = (typeof WAIT_CAUSES)[number];

export type ReadWaits = Readonly<Record<WaitCause, Durations>>;

export function createReadWaits(): ReadWaits {
  return {
    bucket: createDurations(),
    hot: createDurations(),
    copied: createDurations(),
    adopted: createDurations(),
    zero: createDurations(),
    none: createDurations(),
    failed: createDurations(),
  };
}
