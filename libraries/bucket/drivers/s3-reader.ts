import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { S3Client } from '@aws-sdk/client-s3';
import type { CodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { WaitOptions } from '../bucket.ts';
import { retryRefused } from '../retry-refused.ts';
import { createTransport, type Transport } from './obs/obs-transport.ts';
import { textOf } from './obs/xml.ts';
import type { S3Options } from './s3-client.ts';
import { mayBeRefusal } from './s3-errors.ts';
import { createReadSigner, type S3ReadSigner } from './s3-read-signer.ts';
import { tryAgain } from './try-again.ts';
import { watchRequest } from './watch-request.ts';

export interface S3Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

const MAX_ERROR_BYTES = 256 << 10;
/** Less is the time that the answer took. */
const MIN_SKEW_MS = 60_000;
const DEFAULT_REGION = 'us-east-1';

/** Reads objects at the SDK's endpoints, but without its way of signing and sending, which takes several times as long. */
export class S3Reader implements Disposable {
  readonly #client: S3Client;
  readonly #sign: S3ReadSigner;
  readonly #base: URL;
  readonly #transport: Transport;
  readonly #options: S3Options;

  constructor(client: S3Client, options: S3Options) {
    const { bucket: Bucket, region = DEFAULT_REGION, endpoint, pathStyle = false } = options;
    const place = { Bucket, Region: region, ForcePathStyle: pathStyle };
    const { url } = client.config.endpointProvider({
      ...place,
      ...(endpoint === undefined ? {} : { Endpoint: endpoint }),
    });
    this.#client = client;
    this.#options = options;
    this.#transport = createTransport(options);
    this.#base = url;
    this.#sign = createReadSigner(region);
  }

  /** The answer to a GET of the full key, its body unread. What fails is given to `toFailure`. */
  async get(
    storeKey: string,
    range: string | undefined,
    {
      toFailure,
      signal,
    }: { readonly toFailure: (reason: unknown) => CodedError; readonly signal: AbortSignal | undefined },
  ): Promise<S3Answer> {
    const options = signal ? { signal } : {};
    const request = async (): Promise<S3Answer> => this.#try(storeKey, range, options);
    const { credentials } = this.#options;
    const retry = { ...options, isRefusal: mayBeRefusal };
    return tryAgain(async () => retryRefused(credentials, request, retry), toFailure, options);
  }

  async #try(storeKey: string, range: string | undefined, options: WaitOptions): Promise<S3Answer> {
    const { protocol, host, pathname } = this.#base;
    const path = `${pathname.replace(/\/$/, '')}/${storeKey.split('/').map(escapeSegment).join('/')}`;
    const credentials = await this.#options.credentials.get();
    const date = new Date(Date.now() + this.#client.config.systemClockOffset);
    const headers = this.#sign({ host, path, range, date }, credentials);
    const sending = { method: 'GET', headers, body: undefined, signal: options.signal };
    const send = async (): Promise<IncomingMessage> =>
      this.#transport.send(`${protocol}//${host}${path}`, sending);
    const watched = { kind: 'read', sentBytes: 0, signal: options.signal, send } as const;
    const answer = await watchRequest(watched, this.#options.traffic ?? {});
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return { headers: answer.headers, body: answer };
    const refusal = await refusalOf(answer, status);
    if (refusal.name !== 'RequestTimeTooSkewed' || !this.#setClock(answer.headers.date)) throw refusal;
    return this.#try(storeKey, range, options);
  }

  /** As the SDK does for its own requests: goes by the clock of the store from now on. False where it did so already. */
  #setClock(date: string | undefined): boolean {
    const { config } = this.#client;
    const offset = Date.parse(date ?? '') - Date.now();
    if (!(Math.abs(offset - config.systemClockOffset) > MIN_SKEW_MS)) return false;
    config.systemClockOffset = offset;
    return true;
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }
}

/** As the SDK would throw it. */
async function refusalOf(answer: IncomingMessage, status: number): Promise<Error> {
  const body = await collectBytes(answer, MAX_ERROR_BYTES).catch(() => new Uint8Array());
  const xml = Buffer.from(body).toString();
  const refusal = new Error(textOf(xml, 'Message') || 'UnknownError');
  refusal.name = textOf(xml, 'Code') || 'UnknownError';
  return Object.assign(refusal, {
    $metadata: { httpStatusCode: status },
    $response: { headers: answer.headers },
  });
}

function escapeSegment(segment: string): string {
  return encodeURIComponent(segment).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
