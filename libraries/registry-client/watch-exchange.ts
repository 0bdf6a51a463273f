import { AsyncResource } from 'node:async_hooks';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { codeOf, type ErrorCode } from '@lade/errors';

/** A request to a registry, or to where it has sent us. */
export interface RegistryRequest {
  readonly method: string;
  /** Without its query, which may be a secret. */
  readonly url: string;
  /** Undefined without an answer. */
  readonly status?: number;
  /** Until the answer was read or given up. */
  readonly ms: number;
  /** Why there was no answer. */
  readonly code?: ErrorCode;
}

export type TellRequest = (request: RegistryRequest) => void;

/** Tells a request once, where it was made. */
export function watchExchange(
  outgoing: ClientRequest,
  { method, url }: { readonly method: string; readonly url: URL },
  tell: TellRequest,
): void {
  const started = performance.now();
  let status: number | undefined;
  let code: ErrorCode | undefined;
  const told = AsyncResource.bind(() => {
    const ms = Math.round((performance.now() - started) * 10) / 10;
    const outcome = { ...(status === undefined ? {} : { status }), ...(code === undefined ? {} : { code }) };
    tell({ method, url: `${url.origin}${url.pathname}`, ms, ...outcome });
  });
  outgoing.once('response', (answer: IncomingMessage) => (status = answer.statusCode));
  outgoing.once('error', (reason) => (code = codeOf(reason)));
  outgoing.once('close', told);
}
