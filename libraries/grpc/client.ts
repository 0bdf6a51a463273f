import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescMessage,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import {
  Client,
  Metadata,
  credentials,
  type CallOptions as GrpcCallOptions,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { currentTrace, formatTraceparent } from '@lade/tracing';
import { fromServiceError } from './status.ts';
import { toMethodDefinition, type AnyMethod } from './method-definition.ts';
import { MAX_MESSAGE_BYTES } from './server.ts';

export interface CallOptions {
  /** Sent as the header containerd-namespace. */
  readonly namespace?: string;
  /** Sent as the header containerd-lease. */
  readonly lease?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** A connection to the services behind one unix socket; it dials when first used, and again after it broke. */
export class GrpcClient implements Disposable {
  readonly #client: Client;
  readonly #methods = new Map<DescMethod, AnyMethod>();

  constructor(socketPath: string) {
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_reconnect_backoff_ms': 3_000,
    });
  }

  /** Throws the coded error that the server's status says; `unavailable` when nobody serves the socket. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    options.signal?.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = this.#definition(method);
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: unknown): void => {
        options.signal?.removeEventListener('abort', cancel);
        if (error)
          reject(options.signal?.aborted ? (options.signal.reason as Error) : fromServiceError(error, path));
        else resolve(response as MessageShape<O>);
      };
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        headers(options),
        deadline(options),
        done,
      );
      const cancel = (): void => call.cancel();
      options.signal?.addEventListener('abort', cancel);
    });
  }

  /** A stream of answers; leaving the loop cancels the call. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    options.signal?.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = this.#definition(method);
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      headers(options),
      deadline(options),
    );
    yield* this.#read(call as AsyncIterable<MessageShape<O>> & Cancellable, path, options.signal);
  }

  /**
   * A two-way stream: `requests` are sent as the server takes them, answers come back in order. Throws what `requests` throws.
   * A server may end the call early; whatever `requests` still waits for then is left behind.
   */
  async *converse<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
    options: CallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    options.signal?.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = this.#definition(method);
    const call = this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      headers(options),
      deadline(options),
    );
    let failure: { readonly reason: unknown } | undefined;
    void sendAll(call, requests).catch((reason: unknown) => {
      failure = { reason };
      call.cancel();
    });
    try {
      yield* this.#read(call as AsyncIterable<MessageShape<O>> & Cancellable, path, options.signal);
    } catch (reason) {
      throw failure ? failure.reason : reason;
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  async *#read<T>(
    call: AsyncIterable<T> & Cancellable,
    path: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T> {
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel);
    try {
      yield* call;
    } catch (reason) {
      signal?.throwIfAborted();
      throw isServiceError(reason) ? fromServiceError(reason, path) : reason;
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  #definition(method: DescMethod): AnyMethod {
    let definition = this.#methods.get(method);
    if (!definition) {
      definition = toMethodDefinition(method);
      this.#methods.set(method, definition);
    }
    return definition;
  }
}

/** Writes at the pace at which the server reads, until `requests` or the call ends. */
async function sendAll<T>(call: ClientDuplexStream<T, unknown>, requests: AsyncIterable<T>): Promise<void> {
  let over = false;
  let wake = (): void => {};
  call.on('drain', () => wake());
  call.once('status', () => {
    over = true;
    wake();
  });
  for await (const request of requests) {
    if (over) return;
    if (!call.write(request)) await new Promise<void>((resolve) => (wake = resolve));
  }
  call.end();
}

interface Cancellable {
  cancel(): void;
}

function headers({ namespace, lease }: CallOptions): Metadata {
  const metadata = new Metadata();
  if (namespace !== undefined) metadata.set('containerd-namespace', namespace);
  if (lease !== undefined) metadata.set('containerd-lease', lease);
  const trace = currentTrace();
  if (trace?.spanId !== undefined) metadata.set('traceparent', formatTraceparent(trace));
  return metadata;
}

function deadline({ timeoutMs }: CallOptions): GrpcCallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function isServiceError(reason: unknown): reason is ServiceError {
  return reason instanceof Error && 'details' in reason && typeof (reason as ServiceError).code === 'number';
}
