import type { IncomingMessage } from 'node:http';
import { CodedError, codeOf, fromUnknown, isCodedError, type ErrorCode } from '@lade/errors';
import { collectBytes } from '@lade/streams';

const MAX_ERROR_BYTES = 64 << 10;
const MAX_QUOTED = 200;

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  416: 'out_of_range',
  429: 'resource_exhausted',
};

/** The error for an answer that is no success. `logIn` is what to do where credentials are lacking. */
export async function refusal(
  response: IncomingMessage,
  attempted: string,
  logIn: string,
): Promise<CodedError> {
  const status = response.statusCode ?? 0;
  const code = CODES[status] ?? (status >= 500 ? 'unavailable' : 'failed_precondition');
  const cures: Partial<Record<ErrorCode, string>> = {
    unauthenticated: `Check the name: registries hide what others may not see. ${logIn}`,
    permission_denied: `Check that these credentials may pull it, or use others. ${logIn}`,
    not_found: 'Check the name and the tag',
    resource_exhausted: `Wait, or use an account with a higher limit. ${logIn}`,
  };
  const cure = cures[code];
  const said = await complaintIn(response);
  return new CodedError(code, `${attempted}: the registry answers ${status}${said}`, cure ? { cure } : {});
}

/** The error for a registry that gives no answer. */
export function unreachable(reason: unknown, attempted: string): CodedError {
  const errno = (reason as NodeJS.ErrnoException).code;
  const code = codeOf(reason) === 'unknown' ? 'unavailable' : codeOf(reason);
  const state = isCodedError(reason) ? reason.message : (errno ?? fromUnknown(reason).message);
  const cure = isCodedError(reason) && reason.cure !== undefined ? reason.cure : cureFor(errno);
  return new CodedError(code, `${attempted}: ${state}`, { cure, cause: reason });
}

function cureFor(errno: string | undefined): string {
  if (errno === 'EPROTO' || errno === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return 'Allow plain HTTP (--plain-http), where that is what the registry speaks';
  return 'Check the registry’s name, and that this node reaches it; proxies are taken from HTTPS_PROXY and NO_PROXY';
}

/** Whether asking again may help: the connection broke, or nothing came through it. */
export function isLostConnection(reason: unknown): boolean {
  const { code } = reason as NodeJS.ErrnoException;
  return ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'deadline_exceeded'].includes(code ?? '');
}

/** " MANIFEST_UNKNOWN: manifest unknown", or nothing. */
async function complaintIn(response: IncomingMessage): Promise<string> {
  try {
    const text = Buffer.from(await collectBytes(response, MAX_ERROR_BYTES)).toString('utf8');
    const { errors } = JSON.parse(text) as { errors?: readonly { code?: unknown; message?: unknown }[] };
    const [first] = errors ?? [];
    return first ? ` ${[first.code, first.message].filter(Boolean).join(': ').slice(0, MAX_QUOTED)}` : '';
  } catch {
    return '';
  }
}
