import type { Trace } from '@lade/control-protocol';
import type { HeatMap } from './heat-map.ts';

const REPLAY_MS = 4000;

/** Lights the chunks of a start on the map again, in their order, in a few seconds. */
export function replayTrace({ chunks }: Trace, map: HeatMap, signal: AbortSignal): void {
  const begin = performance.now();
  let done = 0;
  const step = (now: number): void => {
    if (signal.aborted) return;
    const until = Math.min(chunks.length, Math.ceil(((now - begin) / REPLAY_MS) * chunks.length));
    if (until > done) map.touch(chunks.slice(done, until).map(({ number }) => number));
    done = Math.max(done, until);
    if (done < chunks.length) requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
