import { CodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';
import { algorithmOf, RunningDigest, type ContentDigest } from './content-digest.ts';

/**
 * Passes `bytes` through, and the last of them only when they all have `digest`: whoever stores what it gets up to the end
 * stores nothing wrong. Throws `data_loss`, naming `source`.
 */
export async function* checkedBytes(
  bytes: ByteSource,
  digest: ContentDigest,
  source: string,
): AsyncGenerator<Uint8Array> {
  const running = new RunningDigest(algorithmOf(digest));
  let held: Uint8Array | undefined;
  for await (const chunk of bytes) {
    if (held) yield held;
    running.update(chunk);
    held = chunk;
  }
  const actual = running.value();
  if (actual !== digest)
    throw new CodedError('data_loss', `Cannot use ${source}: its digest is ${actual}, not ${digest}`, {
      cure: 'Remove it, and pull the image from its registry once more',
    });
  if (held) yield held;
}
