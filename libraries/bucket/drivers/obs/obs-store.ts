import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isCodedError } from '@lade/errors';
import { collectBytes, orAbort } from '@lade/streams';
import type { WaitOptions } from '../../bucket.ts';
import type { CredentialSource } from '../../credentials.ts';
import { retryRefused } from '../../retry-refused.ts';
import type { Traffic } from '../../traffic.ts';
import type { Attempt } from '../endpoint-failures.ts';
import { tryAgain } from '../try-again.ts';
import { classOf, watchRequest } from '../watch-request.ts';
import { fromFailure, fromRefusal } from './obs-errors.ts';
import type { ObsOptions } from './obs-options.ts';
import { createSigner, type ObsRequest, type Signer } from './obs-signer.ts';
import { createTransport, type Transport } from './obs-transport.ts';

/** A request, and how its failure is told. */
export interface ObsQuestion extends ObsRequest {
  readonly action: string;
  /** What failures name; default: the key without the prefix. */
  readonly name?: string;
}

export interface ObsAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: IncomingMessage;
}

const MAX_ERROR_BYTES = 256 << 10;
/** A list of 1,000 objects with long names; a result of a batch deletion. */
const MAX_XML_BYTES = 16 << 20;
/** The store that holds the bucket: signed requests, tried again while the trouble may pass. */
export class ObsStore implements Disposable {
  readonly location: string;
  readonly #prefix: string;
  readonly #sign: Signer;
  readonly #transport: Transport;
  readonly #traffic: Traffic;
  readonly #credentials: CredentialSource;

  constructor(options: ObsOptions) {
    this.location = `obs://${options.bucket}/${options.prefix}`;
    this.#prefix = options.prefix;
    this.#sign = createSigner(options);
    this.#credentials = options.credentials;
    this.#transport = createTransport(options);
    this.#traffic = options.traffic ?? {};
  }

  /** The answer to a request, its body unread. Throws coded errors that name key and bucket, or the signal's reason. */
  async ask(question: ObsQuestion, options: WaitOptions = {}): Promise<ObsAnswer> {
    const isRefusal = (reason: unknown): boolean => isCodedError(reason, 'unauthenticated');
    return retryRefused(this.#credentials, async () => this.#ask(question, options), {
      ...options,
      isRefusal,
    });
  }

  async #ask(question: ObsQuestion, options: WaitOptions): Promise<ObsAnswer> {
    return tryAgain(
      async () => this.#try(question, options),
      (reason) => fromFailure(reason, this.attemptOf(question)),
      options,
    );
  }

  /** The answer's whole body, which is XML or nothing. */
  async askXml(question: ObsQuestion, options: WaitOptions = {}): Promise<string> {
    const { body } = await this.ask(question, options);
    try {
      return Buffer.from(await orAbort(collectBytes(body, MAX_XML_BYTES), options.signal)).toString();
    } catch (reason) {
      options.signal?.throwIfAborted();
      throw fromFailure(reason, this.attemptOf(question));
    } finally {
      body.destroy();
    }
  }

  /** For requests whose answer has no body that matters. */
  async askHeaders(question: ObsQuestion, options: WaitOptions = {}): Promise<IncomingHttpHeaders> {
    const { headers, body } = await this.ask(question, options);
    body.resume().on('error', () => {});
    return headers;
  }

  attemptOf({ action, key, name = key.slice(this.#prefix.length) }: ObsQuestion): Attempt {
    return { action, key: name, location: this.location };
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #try(question: ObsQuestion, { signal }: WaitOptions): Promise<ObsAnswer> {
    const { method, body, query = {} } = question;
    const digest = question.md5 ?? (body && createHash('md5').update(body).digest());
    const md5 = digest && { 'Content-MD5': digest.toString('base64') };
    const { url, headers } = await orAbort(
      this.#sign({ ...question, headers: { ...question.headers, ...md5 } }),
      signal,
    );
    const length = method === 'PUT' || method === 'POST' ? { 'Content-Length': body?.byteLength ?? 0 } : {};
    const sending = { method, headers: { ...headers, ...length }, body, signal };
    const request = {
      kind: classOf(method, query),
      sentBytes: body?.byteLength ?? 0,
      signal,
      send: async () => this.#transport.send(url, sending),
    };
    const answer = await watchRequest(request, this.#traffic);
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return { headers: answer.headers, body: answer };
    const xml = Buffer.from(await collectBytes(answer, MAX_ERROR_BYTES).catch(() => new Uint8Array()));
    throw fromRefusal({ status, headers: answer.headers, xml: xml.toString() }, this.attemptOf(question));
  }
}
