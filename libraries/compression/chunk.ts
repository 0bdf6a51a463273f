import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { CodedError, fromUnknown } from '@lade/errors';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** The smallest output buffer that node:zlib takes. */
const MIN_OUTPUT_BYTES = 64;

/** `bytes` as one zstd frame that states their size and carries no checksum. `level` is zstd's, 1–19. */
export async function compressChunk(
  bytes: Uint8Array,
  options: { readonly level?: number } = {},
): Promise<Uint8Array> {
  return compress(bytes, {
    chunkSize: Math.max(MIN_OUTPUT_BYTES, bytes.byteLength),
    params: { [constants.ZSTD_c_compressionLevel]: options.level ?? 3 },
    pledgedSrcSize: bytes.byteLength,
  });
}

/**
 * The content of the one zstd frame that is `bytes`. Throws `data_loss` unless that is exactly `rawSizeBytes` long and
 * nothing follows the frame; never allocates more than that size.
 */
export async function decompressChunk(bytes: Uint8Array, rawSizeBytes: number): Promise<Uint8Array> {
  const options = {
    chunkSize: Math.max(MIN_OUTPUT_BYTES, rawSizeBytes + 1),
    maxOutputLength: Math.max(1, rawSizeBytes),
    rejectGarbageAfterEnd: true,
  };
  const raw = await decompress(bytes, options).catch((reason: unknown) => {
    throw corrupt(rawSizeBytes, fromUnknown(reason).message, reason);
  });
  if (raw.byteLength === rawSizeBytes) return raw;
  throw corrupt(rawSizeBytes, `it has only ${raw.byteLength}`);
}

function corrupt(rawSizeBytes: number, state: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot decompress zstd chunk of ${rawSizeBytes} bytes: ${state}`, {
    cure: 'Fetch the chunk again',
    details: { rawSizeBytes },
    cause,
  });
}
