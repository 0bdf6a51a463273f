import { outsideTraces } from '@lade/tracing';
import type { OnDemandFile } from './on-demand-files.ts';

/**
 * The same file, asked outside of traces: what asks may have been begun by the first pull, and a read belongs to no trace but that of
 * its container's start.
 */
export function untracedFile(file: OnDemandFile): OnDemandFile {
  const { number, path, sizeBytes, bits } = file;
  return {
    number,
    path,
    sizeBytes,
    bits,
    fill: async (...read) => outsideTraces(async () => file.fill(...read)),
    read: (read) => file.read(read),
    reached: (offset) => outsideTraces(() => file.reached(offset)),
  };
}
