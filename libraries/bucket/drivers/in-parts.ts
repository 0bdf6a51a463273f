import type { ByteSource } from '@lade/streams';

/** Cuts a body into pieces of `partBytes`; the last one may be shorter. */
export async function* inParts(body: ByteSource, partBytes: number): AsyncGenerator<Uint8Array> {
  let part = Buffer.allocUnsafe(partBytes);
  let used = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.byteLength;) {
      const piece = chunk.subarray(at, at + partBytes - used);
      part.set(piece, used);
      used += piece.byteLength;
      at += piece.byteLength;
      if (used < partBytes) continue;
      yield part;
      part = Buffer.allocUnsafe(partBytes);
      used = 0;
    }
  }
  if (used > 0) yield part.subarray(0, used);
}
