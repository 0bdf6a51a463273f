import type { ResidencyStatus } from '@lade/control-protocol';
import type { Durations } from '@lade/durations';
import type { ResidencyCounters } from '@lade/residency';

/** What was done to make bytes resident as the control API tells it. */
export function describeResidency({ readWaits, waitMs, ...counters }: ResidencyCounters): ResidencyStatus {
  return {
    ...counters,
    waitMs: Math.round(waitMs),
    readWaits: {
      bucket: describe(readWaits.bucket),
      hot: describe(readWaits.hot),
      copied: describe(readWaits.copied),
      adopted: describe(readWaits.adopted),
      zero: describe(readWaits.zero),
      none: describe(readWaits.none),
      failed: describe(readWaits.failed),
    },
  };
}

function describe({ count, seconds }: Durations): ResidencyStatus['readWaits']['none'] {
  return { reads: count, ms: Math.round(seconds * 1000) };
}
