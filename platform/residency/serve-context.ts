import type { AnnouncedStarts } from './announced-starts.ts';
import type { BackgroundFill } from './background-fill.ts';
import type { FillSpans } from './fill-spans.ts';
import type { Foreground } from './foreground.ts';
import type { OnDemandFiles } from './on-demand-files.ts';
import type { Residency } from './open-residency.ts';

/** What the blobs of a lazy mode share. */
export interface ServeContext extends Residency {
  readonly files: OnDemandFiles;
  readonly foreground: Foreground;
  readonly background: BackgroundFill;
  /** A blob that nobody asks for that long is closed. */
  readonly restAfterMs: number;
  readonly starts: AnnouncedStarts;
  readonly fillSpans: FillSpans | undefined;
  /** How long a start should touch what it needs and no more, from the first read on. */
  readonly startMs: number;
  /** See HotStartContext. */
  readonly recordQuietMs: number | undefined;
}
