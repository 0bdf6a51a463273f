import { createHash } from 'node:crypto';
import type { ByteSource } from '@lade/streams';
import type { PartBuffers } from './part-buffers.ts';

/** A part of a body. */
export interface Part {
  /** From 1 on. */
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly md5: Buffer;
  /** Lets the buffer of its bytes be used for another part. */
  readonly release: () => void;
}

/** Cuts a body into pieces of `partBytes`; the last one may be shorter. Each takes a buffer, and waits for it. */
export async function* inParts(
  body: ByteSource,
  partBytes: number,
  buffers: PartBuffers,
): AsyncGenerator<Part> {
  let number = 0;
  let open:
    | { readonly buffer: Buffer; readonly hash: ReturnType<typeof createHash>; used: number }
    | undefined;
  const close = ({ buffer, hash, used }: NonNullable<typeof open>): Part => ({
    number: ++number,
    bytes: buffer.subarray(0, used),
    md5: hash.digest(),
    release: () => buffers.give(buffer),
  });
  for await (const chunk of body) {
    for (let at = 0; at < chunk.byteLength;) {
      open ??= { buffer: await buffers.take(), hash: createHash('md5'), used: 0 };
      const piece = chunk.subarray(at, at + partBytes - open.used);
      open.buffer.set(piece, open.used);
      open.hash.update(piece);
      open.used += piece.byteLength;
      at += piece.byteLength;
      if (open.used < partBytes) continue;
      yield close(open);
      open = undefined;
    }
  }
  if (open) yield close(open);
}
