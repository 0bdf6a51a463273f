import { once } from 'node:events';
import type { OutputEvent } from '@lade/control-protocol';

/** Writes what a process wrote to the stream that it wrote to, no faster than that takes it. */
export async function writeOutput(event: OutputEvent): Promise<void> {
  if (event.kind !== 'output') return;
  const stream = process[event.stream];
  if (!stream.write(Buffer.from(event.data, 'base64'))) await once(stream, 'drain');
}
