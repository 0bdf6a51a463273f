import { once } from 'node:events';
import { chmod, lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { DescService } from '@bufbuild/protobuf';
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

/** As containerd's own limit, both ways. */
export const MAX_MESSAGE_BYTES = 16 << 20;
const DRAIN_MS = 5_000;
const PROBE_MS = 1_000;

/** gRPC services on one unix socket. Disposing lets running calls end for a moment, then cancels them. */
export class GrpcServer implements AsyncDisposable {
  readonly #server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });

  add<S extends DescService>(service: S, handlers: ServiceHandlers<S>): void {
    const byName = handlers as unknown as Readonly<Record<string, AnyHandler>>;
    const implementation = service.methods.map(({ localName, methodKind }) => {
      const handler = byName[localName];
      if (!handler) throw new TypeError(`${service.typeName} has no handler for ${localName}`);
      return [localName, ADAPTERS[methodKind](handler.bind(handlers) as AnyHandler)] as const;
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
    const timer = setTimeout(() => this.#server.forceShutdown(), DRAIN_MS);
    await new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    clearTimeout(timer);
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

type AnyHandler = (request: never, context: CallContext) => unknown;
type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>;
type Unary = (request: unknown, context: CallContext) => Promise<unknown>;
type Streaming = (request: unknown, context: CallContext) => AsyncIterable<unknown>;

const ADAPTERS = {
  unary: (handler: AnyHandler): UntypedHandleCall => {
    const run = handler as unknown as Unary;
    return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
      run(call.request, contextOf(call)).then(
        (response) => callback(null, response),
        (reason: unknown) => callback(toStatus(reason)),
      );
    };
  },
  client_streaming: (handler: AnyHandler): UntypedHandleCall => {
    const run = handler as unknown as Unary;
    return (call: ServerReadableStream<unknown, unknown>, callback: sendUnaryData<unknown>) => {
      run(call, contextOf(call)).then(
        (response) => callback(null, response),
        (reason: unknown) => callback(toStatus(reason)),
      );
    };
  },
  server_streaming: (handler: AnyHandler): UntypedHandleCall => {
    const run = handler as unknown as Streaming;
    return (call: ServerWritableStream<unknown, unknown>) =>
      void send(call, (context) => run(call.request, context));
  },
  bidi_streaming: (handler: AnyHandler): UntypedHandleCall => {
    const run = handler as unknown as Streaming;
    return (call: ServerDuplexStream<unknown, unknown>) => void send(call, (context) => run(call, context));
  },
} as const;

/** Writes at the pace at which the caller reads. */
async function send(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  run: (context: CallContext) => AsyncIterable<unknown>,
): Promise<void> {
  const context = contextOf(call);
  try {
    for await (const message of run(context)) {
      if (context.signal.aborted) return;
      if (!call.write(message)) await drained(call, context.signal);
    }
    call.end();
  } catch (reason) {
    call.emit('error', toStatus(reason));
  }
}

async function drained(call: NodeJS.WritableStream, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    call.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function contextOf(call: Pick<AnyCall, 'metadata'>): CallContext {
  const stop = new AbortController();
  (call as unknown as NodeJS.EventEmitter).once('cancelled', () => stop.abort());
  return { namespace: String(call.metadata.get('containerd-namespace')[0] ?? ''), signal: stop.signal };
}
