import type { FileHandle } from 'node:fs/promises';
import { CodedError } from '@lade/errors';

const READ_BYTES = 1 << 20;

/** `length` bytes from `offset` on, in buffers of their own; throws `data_loss` when the file ends before. */
export async function* readFile(
  file: FileHandle,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < length;) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, offset + done);
    if (bytesRead === 0)
      throw new CodedError(
        'data_loss',
        `Cannot read ${length} bytes at ${offset}: the file ends after ${done}`,
      );
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
