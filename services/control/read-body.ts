import type { IncomingMessage } from 'node:http';
import { CodedError, isCodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { RequestRefusal } from './request-refusal.ts';

const MAX_BODY_BYTES = 64 << 10;

/** The JSON object in a request's body. Throws `invalid_argument` for another body, a refusal above 64 KiB. */
export async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const text = Buffer.from(await readBytes(request)).toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new CodedError('invalid_argument', 'Cannot read the request: its body is not JSON', { cause });
  }
  throw new CodedError('invalid_argument', 'Cannot read the request: its body is not a JSON object');
}

/** Throws a refusal above 64 KiB. */
export async function readBytes(request: IncomingMessage): Promise<Uint8Array> {
  try {
    return await collectBytes(request.iterator({ destroyOnReturn: false }), MAX_BODY_BYTES);
  } catch (reason) {
    if (!isCodedError(reason, 'resource_exhausted')) throw reason;
    throw new RequestRefusal(
      413,
      reason.code,
      `Cannot read the request: its body exceeds ${MAX_BODY_BYTES} bytes`,
      {
        headers: { connection: 'close' },
      },
    );
  }
}
