import { errorOfAnswer, toApiError } from './api-error.ts';
import { askForToken, forgetToken, readToken } from './token.ts';

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

export interface Call extends WaitOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Below /v1. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** An object travels as JSON, bytes as they are. */
  readonly body?: object | Uint8Array<ArrayBuffer>;
}

/** A successful answer. Asks the person for the token when the daemon wants one. Throws an ApiError, or what aborted it. */
export async function send(call: Call): Promise<Response> {
  for (;;) {
    const response = await fetchOnce(call);
    if (response.ok) return response;
    const error = errorOfAnswer(response.status, await response.json().catch(() => undefined));
    if (response.status !== 401) throw error;
    const token = await askForToken();
    if (token === undefined) {
      forgetToken();
      throw error;
    }
  }
}

export async function readDocument<T>(call: Call): Promise<T> {
  return (await (await send(call)).json()) as T;
}

async function fetchOnce({ method = 'GET', path, query = {}, body, signal }: Call): Promise<Response> {
  const token = readToken();
  const bytes = body instanceof Uint8Array;
  const init: RequestInit = {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined
        ? {}
        : { 'content-type': bytes ? 'application/octet-stream' : 'application/json' }),
    },
    ...(body === undefined ? {} : { body: bytes ? body : JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    cache: 'no-store',
  };
  try {
    return await fetch(`/v1${path}${formatQuery(query)}`, init);
  } catch (reason) {
    if (signal?.aborted) throw reason;
    throw toApiError(reason);
  }
}

function formatQuery(query: Required<Call>['query']): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
