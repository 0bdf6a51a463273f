import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { CodedError } from '@lade/errors';
import type { ObjectBody } from '../bucket.ts';
import type { ByteRange } from '../byte-range.ts';
import type { Traffic } from '../traffic.ts';
import { answeredRange, readBody } from './answered-range.ts';
import { versionIn, type Attempt } from './endpoint-failures.ts';

/** What was read, and how a failure on the way gets its class. */
export interface Reading {
  readonly attempt: Attempt;
  readonly signal: AbortSignal | undefined;
  readonly toFailure: (reason: unknown) => CodedError;
  readonly traffic: Traffic | undefined;
}

/** The object that an answer to a GET of `range` has; destroys an answer that is another range. */
export function objectBodyOf(
  { headers, body }: { readonly headers: IncomingHttpHeaders; readonly body: IncomingMessage },
  range: ByteRange,
  { attempt, signal, toFailure, traffic }: Reading,
): ObjectBody {
  const { key, location } = attempt;
  const told = {
    contentRange: headers['content-range'],
    contentLength: Number(headers['content-length'] ?? 0),
  };
  try {
    const { sizeBytes, bodyBytes } = answeredRange(told, range, key);
    const reading = {
      bodyBytes,
      signal,
      traffic,
      toFailure,
      cutShort: (state: string) =>
        new CodedError('unavailable', `Cannot read ${key} in ${location}: ${state}`),
    };
    return { sizeBytes, version: versionIn(headers.etag, attempt), body: readBody(body, reading) };
  } catch (reason) {
    body.destroy();
    throw reason;
  }
}
