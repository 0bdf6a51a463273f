import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError, type CodedError } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import type { WaitOptions } from '../../bucket.ts';
import type { CredentialSource } from '../../credentials.ts';
import { orAbort } from '../../or-abort.ts';
import { retryRefused } from '../../retry-refused.ts';
import type { Traffic } from '../../traffic.ts';
import type { Attempt } from '../endpoint-failures.ts';
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

const TRIES = 3;
const FIRST_PAUSE_MS = 100;
/** Who is asked to stay away for longer is told so, instead of waiting. */
const MAX_PAUSE_MS = 2_000;
const MAX_ERROR_BYTES = 256 << 10;
/** A list of 1,000 objects with long names; a result of a batch deletion. */
const MAX_XML_BYTES = 16 << 20;
const PASSING = ['unavailable', 'deadline_exceeded', 'resource_exhausted'];

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
    for (let tries = 1; ; tries++) {
      options.signal?.throwIfAborted();
      const outcome = await this.#try(question, options).catch((reason: unknown) => {
        options.signal?.throwIfAborted();
        return fromFailure(reason, this.attemptOf(question));
      });
      if (!isCodedError(outcome)) return outcome;
      const pauseMs = pauseAfter(outcome, tries);
      if (pauseMs === undefined) throw outcome;
      await orAbort(sleep(pauseMs), options.signal);
    }
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

  async #try(question: ObsQuestion, { signal }: WaitOptions): Promise<ObsAnswer | CodedError> {
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
    return fromRefusal({ status, headers: answer.headers, xml: xml.toString() }, this.attemptOf(question));
  }
}

/** How long to wait before the next try; undefined: there is none. */
function pauseAfter({ code, details }: CodedError, tries: number): number | undefined {
  if (tries === TRIES || !PASSING.includes(code) || details['name'] === 'tls') return undefined;
  if (details['name'] === 'InsufficientStorageSpace') return undefined;
  const asked = Number(details['retryAfterMs'] ?? 0);
  if (asked > MAX_PAUSE_MS) return undefined;
  // Spread, so that many who were refused together do not come back together.
  return Math.max(asked, FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + Math.random()));
}
