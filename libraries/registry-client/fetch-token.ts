import { CodedError, wrapError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { basicHeader } from './basic-header.ts';
import type { RegistryCredentials } from './credentials.ts';
import type { Call, Transport } from './transport.ts';

export interface TokenQuestion {
  readonly url: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credentials: RegistryCredentials | undefined;
  readonly attempted: string;
  /** For credentials that are refused. */
  readonly cure: string;
  readonly signal: AbortSignal;
}

export interface Token {
  readonly token: string;
  /** Less than the server says: what is sent now arrives later. */
  readonly expiresAt: number;
}

const MAX_TOKEN_BYTES = 1 << 20;
const DEFAULT_LIFE_SECONDS = 60;
const MARGIN_SECONDS = 10;

/** Asks a token server: for anybody, with a password, or with an identity token (distribution's token and OAuth2 documents). */
export async function fetchToken(transport: Transport, question: TokenQuestion): Promise<Token> {
  const { attempted, cure, url } = question;
  const failed = (code: 'unavailable' | 'unauthenticated', state: string): CodedError =>
    new CodedError(code, `${attempted}: ${url.host} ${state}`, code === 'unauthenticated' ? { cure } : {});
  let status: number;
  let bytes: Uint8Array;
  try {
    const response = await transport.send(callFor(question));
    status = response.statusCode ?? 0;
    bytes = await collectBytes(response, MAX_TOKEN_BYTES);
  } catch (reason) {
    question.signal.throwIfAborted();
    throw wrapError(reason, attempted);
  }
  if (status >= 400 && status < 500 && status !== 429)
    throw failed(
      'unauthenticated',
      `refuses ${question.credentials ? 'these credentials' : 'anybody'} (${status})`,
    );
  if (status !== 200) throw failed('unavailable', `answers ${status}`);
  const { token, access_token: accessToken, expires_in: lifeSeconds } = parse(bytes);
  const found = token ?? accessToken;
  if (typeof found !== 'string' || found === '') throw failed('unavailable', 'answers without a token');
  const seconds = typeof lifeSeconds === 'number' ? lifeSeconds : DEFAULT_LIFE_SECONDS;
  return { token: found, expiresAt: Date.now() + Math.max(1, seconds - MARGIN_SECONDS) * 1000 };
}

function callFor({ url, service, scopes, credentials, signal }: TokenQuestion): Call {
  const parameters = new URLSearchParams(service === undefined ? {} : { service });
  if (credentials && 'identityToken' in credentials) {
    parameters.set('grant_type', 'refresh_token');
    parameters.set('refresh_token', credentials.identityToken);
    parameters.set('client_id', 'lade');
    parameters.set('scope', scopes.join(' '));
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url, headers, body: parameters.toString(), signal };
  }
  for (const scope of scopes) parameters.append('scope', scope);
  const asked = new URL(url);
  for (const [name, value] of parameters) asked.searchParams.append(name, value);
  const headers = credentials ? { authorization: basicHeader(credentials) } : {};
  return { method: 'GET', url: asked, headers, signal };
}

function parse(bytes: Uint8Array): {
  readonly token?: unknown;
  readonly access_token?: unknown;
  readonly expires_in?: unknown;
} {
  try {
    return (JSON.parse(Buffer.from(bytes).toString('utf8')) ?? {}) as object;
  } catch {
    return {};
  }
}
