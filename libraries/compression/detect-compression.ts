/** How a stream of bytes is packed; the names are those of the OCI media type suffixes. */
export type Compression = 'gzip' | 'zstd' | 'none';

/** RFC 8878 §3.1.1: a frame's magic number, as the little-endian word that opens it. */
export const ZSTD_MAGIC = 0xfd2fb528;

/**
 * Tells the packing from the first bytes of a stream (four are enough): RFC 1952 §2.3.1, RFC 8878 §3.1. A media type
 * or file name has no say. Fewer bytes than a magic number, or none, are `none`.
 */
export function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head.byteLength < 4) return 'none';
  const magic = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  return magic === ZSTD_MAGIC || isSkippableMagic(magic) ? 'zstd' : 'none';
}

/** RFC 8878 §3.1.2: sixteen magic numbers open frames that carry no content. */
export function isSkippableMagic(magic: number): boolean {
  return magic >= 0x184d2a50 && magic <= 0x184d2a5f;
}
