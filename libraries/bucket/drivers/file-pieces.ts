import type { FileHandle } from 'node:fs/promises';
import { CodedError } from '@lade/errors';

/** The bytes from `start` on, `length` of them unless the file ends before. */
export async function readUpTo(file: FileHandle, start: number, length: number): Promise<Uint8Array> {
  const piece = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(piece, at, length - at, start + at);
    if (bytesRead === 0) return piece.subarray(0, at);
    at += bytesRead;
  }
  return piece;
}

/** The bytes from `start` to `end`; throws `unavailable` where the file has fewer. */
export async function readPiece(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  return wholePiece(await readUpTo(file, start, Math.max(0, end - start)), start, end);
}

/** What was read from `start` on as the bytes up to `end`; throws `unavailable` where it is fewer. */
export function wholePiece(piece: Uint8Array, start: number, end: number): Uint8Array {
  const length = Math.max(0, end - start);
  if (piece.byteLength < length) {
    const state = `its file was cut to ${start + piece.byteLength} bytes`;
    throw new CodedError('unavailable', `Cannot read an object: ${state}`);
  }
  return piece.byteLength === length ? piece : piece.subarray(0, length);
}
