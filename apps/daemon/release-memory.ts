import { trimHeap } from '@lade/linux';

/**
 * Gives back what a conversion or an upload has used: buffers of megabytes that nothing refers to any more, which V8
 * would keep for as long as the daemon idles. Full effect needs `node --expose-gc`.
 */
export function releaseMemory(): void {
  globalThis.gc?.();
  trimHeap();
}
