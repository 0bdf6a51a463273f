import { open, type FileHandle } from 'node:fs/promises';
import type { LogFile } from './container-logs.ts';
import type { Output } from './ports.ts';

const PIECE_BYTES = 64 << 10;
const NEWLINE = 10;

/** Reads a file on from where it came to. What has been given up meanwhile is passed over. */
export class LogReader implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #log: LogFile;
  #offset: number;

  private constructor(file: FileHandle, log: LogFile, offset: number) {
    this.#file = file;
    this.#log = log;
    this.#offset = offset;
  }

  /** From the last `tail` lines on, or from the start. */
  static async open(log: LogFile, tail: number | undefined): Promise<LogReader> {
    const file = await open(log.path, 'r');
    return new LogReader(file, log, tail === undefined ? 0 : await offsetOfTail(file, tail, log.maxBytes));
  }

  /** What has been written by now. */
  async *rest(): AsyncGenerator<Output> {
    const { size } = await this.#file.stat();
    const { stream, maxBytes } = this.#log;
    const oldest = size - maxBytes;
    if (this.#offset < oldest) this.#offset = await nextLine(this.#file, oldest);
    while (this.#offset < size) {
      const length = Math.min(PIECE_BYTES, size - this.#offset);
      const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      yield { stream, bytes: buffer.subarray(0, bytesRead) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Walks back over as many line ends; the last line may have none. */
async function offsetOfTail(file: FileHandle, lines: number, maxBytes: number): Promise<number> {
  const { size } = await file.stat();
  if (lines === 0) return size;
  const oldest = Math.max(0, size - maxBytes);
  const piece = Buffer.alloc(PIECE_BYTES);
  let wanted = lines;
  for (let end = size; end > oldest; end -= PIECE_BYTES) {
    const start = Math.max(oldest, end - PIECE_BYTES);
    const { bytesRead } = await file.read(piece, 0, end - start, start);
    for (let i = bytesRead - 1; i >= 0; i--) {
      if (piece[i] !== NEWLINE || start + i === size - 1) continue;
      if (--wanted <= 0) return start + i + 1;
    }
  }
  return oldest;
}

/** So that nothing starts in the middle of a line, unless that is very long. */
async function nextLine(file: FileHandle, offset: number): Promise<number> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(PIECE_BYTES), 0, PIECE_BYTES, offset);
  const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
  return end < 0 ? offset : offset + end + 1;
}
