import { CodedError } from '@lade/errors';
import type { ByteSource } from '@lade/streams';

const MAX_LINE_BYTES = 1 << 20;
const NEWLINE = 10;

/** The JSON objects of a newline-delimited stream. Throws `data_loss` for a line that is none or exceeds 1 MiB. */
export async function* decodeLines(source: ByteSource): AsyncGenerator<object> {
  let rest = Buffer.alloc(0);
  for await (const bytes of source) {
    rest = Buffer.concat([rest, bytes]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      yield parseLine(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
    if (rest.byteLength > MAX_LINE_BYTES) throw malformed('a line is longer than 1 MiB');
  }
  if (rest.byteLength > 0) throw malformed('the last line has no end');
}

function parseLine(line: Uint8Array): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(line).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw malformed('a line is not JSON', cause);
  }
  throw malformed('a line is not a JSON object');
}

function malformed(state: string, cause?: unknown): CodedError {
  return new CodedError('data_loss', `Cannot read the daemon’s events: ${state}`, {
    cure: 'Check that client and daemon are of the same release',
    cause,
  });
}
