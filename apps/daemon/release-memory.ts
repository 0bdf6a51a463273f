import { trimHeap } from '@lade/linux';

/** What `node --expose-gc` offers; the newer flavours are missing in its types. */
type CollectGarbage = (options: {
  readonly type: 'major';
  readonly execution: 'sync';
  readonly flavor: 'last-resort';
}) => void;

/**
 * Gives back what a start, a conversion or an upload has used: buffers of megabytes that nothing refers to any more, code
 * that ran once, half-empty pages. V8 would keep them for as long as the daemon idles. Full effect needs `node --expose-gc`.
 */
export function releaseMemory(): void {
  const collect = globalThis.gc as CollectGarbage | undefined;
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimHeap();
}
