import type { IncomingMessage } from 'node:http';
import { CodedError, codeOf, fromUnknown } from '@lade/errors';
import { collectBytes } from '@lade/streams';
import { BucketCalls } from './bucket-calls.ts';
import { ContainerCalls, type Call, type Caller } from './container-calls.ts';
import { decodeLines } from './decode-lines.ts';
import type {
  ConsoleLink,
  DaemonEvent,
  EventQuery,
  ImageSummary,
  LayerSummary,
  NodeSummary,
  Status,
  StreamFailure,
  VerifyEvent,
} from './messages.ts';
import type { NodeGarbage, NodeGarbageRequest } from './messages-bucket.ts';
import type { LayerEvent, LayerFiles, LayerMap, SnapshotSummary, Trace } from './messages-layers.ts';
import type { PullEvent, PullRequest } from './messages-pull.ts';
import { decodeError } from './wire-error.ts';
import { withQuery } from './with-query.ts';

// Not an import: naming its exports would load Node's WebSocket, and 5 MB of fetch with it.
const { Agent, request } = process.getBuiltinModule('node:http');

const MAX_DOCUMENT_BYTES = 64 << 20;

interface WaitOptions {
  readonly signal?: AbortSignal;
}

interface NamespaceOptions extends WaitOptions {
  /** containerd's; the daemon has a default. */
  readonly namespace?: string | undefined;
}

/**
 * The control API of one daemon. Every method throws what the daemon answered as a CodedError, `unavailable` when no
 * daemon answers, `permission_denied` when this user may not talk to it. Leaving a stream early stops the daemon's work.
 */
export class ControlClient implements Disposable {
  readonly #caller: Caller = {
    document: async (call) => this.#document(call),
    events: (call) => this.#events(call),
    done: async (call) => void (await this.#send(call)).resume(),
  };
  readonly containers = new ContainerCalls(this.#caller);
  readonly bucket = new BucketCalls(this.#caller);
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Connects with the first call; see controlSocketPath(). */
  static open(socketPath: string): ControlClient {
    return new ControlClient(socketPath);
  }

  async status(options: WaitOptions = {}): Promise<Status> {
    return (await this.#document({ method: 'GET', path: '/v1/status', ...options })) as Status;
  }

  /** Throws `failed_precondition` for a daemon that serves no HTTP. */
  async console(options: WaitOptions = {}): Promise<ConsoleLink> {
    return (await this.#document({ method: 'GET', path: '/v1/console', ...options })) as ConsoleLink;
  }

  async images({ namespace, ...options }: NamespaceOptions = {}): Promise<readonly ImageSummary[]> {
    const path = withQuery('/v1/images', { namespace });
    const document = await this.#document({ method: 'GET', path, ...options });
    return (document as { readonly images: readonly ImageSummary[] }).images;
  }

  /** From containerd; the bucket keeps it. */
  async removeImage(image: string, { namespace, ...options }: NamespaceOptions = {}): Promise<void> {
    const response = await this.#send({
      method: 'DELETE',
      path: withQuery('/v1/images', { image, namespace }),
      ...options,
    });
    response.resume();
  }

  async layers(options: WaitOptions = {}): Promise<readonly LayerSummary[]> {
    const document = await this.#document({ method: 'GET', path: '/v1/layers', ...options });
    return (document as { readonly layers: readonly LayerSummary[] }).layers;
  }

  async nodes(options: WaitOptions = {}): Promise<readonly NodeSummary[]> {
    const document = await this.#document({ method: 'GET', path: '/v1/nodes', ...options });
    return (document as { readonly nodes: readonly NodeSummary[] }).nodes;
  }

  events(query: EventQuery, options: WaitOptions = {}): AsyncIterable<DaemonEvent> {
    const { since, from, tail, follow, ...texts } = query;
    const start = since ?? from;
    const parameters = new URLSearchParams({
      ...texts,
      ...(start === undefined ? {} : { since: String(start) }),
      ...(tail === undefined ? {} : { tail: String(tail) }),
      ...(follow ? { follow: 'true' } : {}),
    });
    return this.#events<DaemonEvent>({
      method: 'GET',
      path: `/v1/events?${parameters.toString()}`,
      ...options,
    });
  }

  async layerMap(diffId: string, options: WaitOptions = {}): Promise<LayerMap> {
    return (await this.#document({ method: 'GET', path: layerPath(diffId), ...options })) as LayerMap;
  }

  layerFiles(diffId: string, options: WaitOptions = {}): AsyncIterable<LayerFiles> {
    return this.#events<LayerFiles>({ method: 'GET', path: `${layerPath(diffId)}/files`, ...options });
  }

  layerActivity(diffId: string, options: WaitOptions = {}): AsyncIterable<LayerEvent> {
    return this.#events<LayerEvent>({ method: 'GET', path: `${layerPath(diffId)}/activity`, ...options });
  }

  async trace(diffId: string, options: WaitOptions = {}): Promise<Trace> {
    return (await this.#document({ method: 'GET', path: `${layerPath(diffId)}/trace`, ...options })) as Trace;
  }

  async snapshots(options: WaitOptions = {}): Promise<readonly SnapshotSummary[]> {
    const document = await this.#document({ method: 'GET', path: '/v1/snapshots', ...options });
    return (document as { readonly snapshots: readonly SnapshotSummary[] }).snapshots;
  }

  /** Of this node; the bucket keeps what it has. */
  async collectGarbage(body: NodeGarbageRequest, options: WaitOptions = {}): Promise<NodeGarbage> {
    return (await this.#document({ method: 'POST', path: '/v1/gc', body, ...options })) as NodeGarbage;
  }

  verify(image: string, options: WaitOptions = {}): AsyncIterable<VerifyEvent> {
    return this.#events<VerifyEvent>({
      method: 'POST',
      path: '/v1/images/verify',
      body: { image },
      ...options,
    });
  }

  pull(request: PullRequest, options: WaitOptions = {}): AsyncIterable<PullEvent> {
    return this.#events<PullEvent>({ method: 'POST', path: '/v1/images/pull', body: request, ...options });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #document(call: Call): Promise<unknown> {
    return readDocument(await this.#send(call));
  }

  async *#events<T extends object>(call: Call): AsyncGenerator<T> {
    const response = await this.#send(call);
    try {
      for await (const event of decodeLines(response)) {
        const failure = event as Partial<StreamFailure>;
        if (failure.kind === 'error') throw decodeError(failure.error);
        yield event as T;
      }
    } catch (reason) {
      if (call.signal?.aborted) throw fromUnknown(call.signal.reason);
      throw isLostConnection(reason) ? this.#unreachable(reason) : reason;
    } finally {
      response.destroy();
    }
  }

  /** Resolves with a successful response. */
  async #send({ method, path, body, signal }: Call): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const isBytes = body instanceof Uint8Array;
    const outgoing = request({
      socketPath: this.#socketPath,
      agent: this.#agent,
      method,
      path,
      headers: body ? { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' } : {},
      ...(signal ? { signal } : {}),
    });
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(isBytes ? body : body && JSON.stringify(body));
    const response = await promise.catch((reason: unknown) => {
      throw this.#unreachable(reason);
    });
    if (response.statusCode === 200 || response.statusCode === 204) return response;
    throw decodeError(((await readDocument(response)) as { readonly error?: unknown }).error);
  }

  #unreachable(reason: unknown): CodedError {
    const code = codeOf(reason);
    if (code === 'cancelled' || code === 'deadline_exceeded') return fromUnknown(reason);
    if (code === 'permission_denied') {
      return new CodedError(
        code,
        `Cannot reach the daemon at ${this.#socketPath}: not allowed for this user`,
        {
          cure: 'Run as root',
          cause: reason,
        },
      );
    }
    const { code: errno } = reason as NodeJS.ErrnoException;
    const isDeserted = errno === 'ENOENT' || errno === 'ECONNREFUSED';
    const state = isDeserted ? 'nobody serves there' : (errno ?? fromUnknown(reason).message);
    return new CodedError('unavailable', `Cannot reach the daemon at ${this.#socketPath}: ${state}`, {
      cure: 'Start it with lade serve, or say where it serves with --address or LADE_ADDRESS',
      cause: reason,
    });
  }
}

async function readDocument(response: IncomingMessage): Promise<unknown> {
  const bytes = await collectBytes(response, MAX_DOCUMENT_BYTES);
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (cause) {
    throw notOurs(cause);
  }
  throw notOurs();
}

function layerPath(diffId: string): string {
  return `/v1/layers/${encodeURIComponent(diffId)}`;
}

function notOurs(cause?: unknown): CodedError {
  return new CodedError('data_loss', 'Cannot read the daemon’s answer: not a JSON object', {
    cure: 'Check that client and daemon are of the same release',
    cause,
  });
}

function isLostConnection(reason: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((reason as NodeJS.ErrnoException).code ?? '');
}
