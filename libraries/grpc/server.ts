import { once } from 'node:events';
import { chmod, lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { CodedError, wrapError } from '@lade/errors';
import type { CallContext, ServiceHandlers } from './handlers.ts';
import { toServiceDefinition } from './method-definition.ts';
import { toStatus } from './status.ts';
import {
  watchHandler,
  type AnyHandler,
  type CallWatch,
  type Streaming,
  type Unary,
} from './watch-handler.ts';

/** As containerd's own limit, both ways. */
export const MAX_MESSAGE_BYTES = 16 << 20;
/** How long running calls may take to end, and then connections to close. */
const DRAIN_MS = 5_000;
const CLOSE_MS = 200;
const PROBE_MS = 1_000;

/**
 * Node hangs up on a client that resets streams often, against denial of service. Go clients reset every stream that they
 * have read enough of: containerd one for each piece of content. Callers are local and trusted; grpc-js has no option for it.
 */
const RESETS_ALLOWED = { streamResetBurst: 0x7fff_ffff, streamResetRate: 0x7fff_ffff };

/** gRPC services on one unix socket. Disposing lets running calls end for a moment, then cancels them. */
export class GrpcServer implements AsyncDisposable {
  readonly #server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });

  readonly #running = new Set<Promise<void>>();

  readonly #watch: CallWatch | undefined;

  constructor({ watch }: { readonly watch?: CallWatch } = {}) {
    this.#watch = watch;
    const { commonServerOptions } = this.#server as unknown as { readonly commonServerOptions: object };
    Object.assign(commonServerOptions, RESETS_ALLOWED);
  }

  add<S extends DescService>(service: S, handlers: ServiceHandlers<S>): void {
    const byName = handlers as unknown as Readonly<Record<string, AnyHandler>>;
    const implementation = service.methods.map((method) => {
      const { localName, methodKind } = method;
      const handler = byName[localName]?.bind<AnyHandler>(handlers);
      if (!handler) throw new TypeError(`${service.typeName} has no handler for ${localName}`);
      const answer = ADAPTERS[methodKind](this.#watch ? watchHandler(method, handler, this.#watch) : handler);
      const handle = (call: AnyCall, callback: sendUnaryData<unknown>): void =>
        this.#track(this.#around(method, call, async () => answer(call as never, callback)));
      return [localName, handle as UntypedHandleCall] as const;
    });
    this.#server.addService(toServiceDefinition(service), Object.fromEntries(implementation));
  }

  /**
   * Starts to serve. A socket file that nobody answers on is replaced; throws `already_exists` when somebody does, or when
   * something else is in its place.
   */
  async listen(socketPath: string): Promise<void> {
    await removeStaleSocket(socketPath);
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${socketPath}`, ServerCredentials.createInsecure(), (error) => {
        if (error)
          reject(
            wrapError(error, `Cannot listen on ${socketPath}`, {
              cure: 'Check that its folder exists and is writable',
            }),
          );
        else resolve();
      });
    });
    await chmod(socketPath, 0o600);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // grpc-js waits for ever for a connection that breaks at this very moment, so nothing here relies on its answer.
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    await within(DRAIN_MS, Promise.race([Promise.allSettled(this.#running), closed]));
    await within(CLOSE_MS, closed);
    this.#server.forceShutdown();
  }

  async #around(method: DescMethod, call: AnyCall, answer: () => Promise<void>): Promise<void> {
    if (!this.#watch) return answer();
    const started = {
      service: method.parent.typeName,
      method: method.name,
      request: 'request' in call ? call.request : undefined,
      header: (name: string) => headerOf(call, name),
    };
    return this.#watch.around(started, answer);
  }

  #track(answering: Promise<void>): void {
    this.#running.add(answering);
    void answering.finally(() => this.#running.delete(answering));
  }
}

/** Until `work` is done, for `ms` at most. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, sleep(ms, undefined, { signal: done.signal })]);
  } finally {
    done.abort();
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSocket() === false) throw taken(path, 'it is no socket');
  if (!stats) return;
  if (await answers(path)) throw taken(path, 'another process serves it');
  await rm(path, { force: true });
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_MS) });
    return true;
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

function taken(path: string, state: string): CodedError {
  return new CodedError('already_exists', `Cannot listen on ${path}: ${state}`, {
    cure: 'Stop that process, or choose another --address',
  });
}

type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;

/** Answers one call; never rejects. */
type Answer = (call: never, callback: sendUnaryData<unknown>) => Promise<void>;

const ADAPTERS = {
  unary: (run: Unary): Answer => {
    return async (call: ServerUnaryCall<unknown, unknown>, callback) =>
      respond(call, callback, async (context) => run(call.request, context));
  },
  client_streaming: (run: Unary): Answer => {
    return async (call: ServerReadableStream<unknown, unknown>, callback) =>
      respond(call, callback, async (context) => run(requestsOf(call), context));
  },
  server_streaming: (run: Streaming): Answer => {
    return async (call: ServerWritableStream<unknown, unknown>) =>
      send(call, (context) => run(call.request, context));
  },
  bidi_streaming: (run: Streaming): Answer => {
    return async (call: ServerDuplexStream<unknown, unknown>) =>
      send(call, (context) => run(requestsOf(call), context));
  },
} as const;

async function respond(
  call: AnyCall,
  callback: sendUnaryData<unknown>,
  run: (context: CallContext) => Promise<unknown>,
): Promise<void> {
  try {
    callback(null, await serve(call, run));
  } catch (reason) {
    callback(toStatus(reason));
  }
}

/** A caller that has gone looks at first like one that has said all; then it is `cancelled`. */
async function* requestsOf(call: Readable & { readonly cancelled: boolean }): AsyncGenerator {
  // A handler that leaves its loop early must not destroy the call before its status is sent.
  yield* call.iterator({ destroyOnReturn: false });
  await setImmediate();
  if (call.cancelled) throw new CodedError('cancelled', 'Cannot read on: the caller has gone');
}

/** Writes at the pace at which the caller reads. */
async function send(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  run: (context: CallContext) => AsyncIterable<unknown>,
): Promise<void> {
  try {
    await serve(call, async (context) => {
      for await (const message of run(context)) {
        if (context.signal.aborted) return;
        if (!call.write(message)) await once(call, 'drain', { signal: context.signal });
      }
    });
    call.end();
  } catch (reason) {
    call.emit('error', toStatus(reason));
  }
}

function headerOf(call: AnyCall, name: string): string {
  return String(call.metadata.get(name)[0] ?? '');
}

/** grpc-js says "cancelled" after every call, also one that went well: whoever still holds the signal is not to hear that. */
async function serve<T>(call: AnyCall, work: (context: CallContext) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const emitter = call as unknown as NodeJS.EventEmitter;
  const abort = (): void => stop.abort();
  emitter.once('cancelled', abort);
  try {
    return await work({
      namespace: headerOf(call, 'containerd-namespace'),
      signal: stop.signal,
    });
  } finally {
    emitter.off('cancelled', abort);
  }
}
