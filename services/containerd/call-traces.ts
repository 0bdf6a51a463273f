import type { StartedCall } from '@lade/grpc';
import { SNAPSHOT_REF } from '@lade/snapshots';
import {
  createTrace,
  currentTrace,
  inSpan,
  inTrace,
  joinTrace,
  parseTraceparent,
  type KnownTraces,
  type TraceContext,
} from '@lade/tracing';
import { CallGroups } from './call-groups.ts';

/** As far as calls say which snapshot they are about. */
interface AboutSnapshot {
  readonly key?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Finds out which of containerd's calls belong together, and gives those one trace: by the header `traceparent`; by the lease
 * under which they are made; by the snapshot that they are about, from its Prepare on. Nothing else is certain, so everything else
 * is a trace of its own.
 */
export class CallTraces implements Disposable {
  readonly #known: KnownTraces;
  readonly #groups: CallGroups;

  constructor(known: KnownTraces) {
    this.#known = known;
    this.#groups = new CallGroups(known);
  }

  async around(call: StartedCall, answer: () => Promise<void>): Promise<void> {
    const { service, method } = call;
    const rpc = `${service}/${method}`;
    const attributes = { 'rpc.system.name': 'grpc', 'rpc.method': rpc };
    await inTrace(this.#traceOf(call), () =>
      inSpan(rpc, { kind: 'server', attributes }, async () => {
        this.#rememberPrepared(call);
        await answer();
      }),
    );
  }

  /** The call that is being answered is about this snapshot. */
  joinSnapshot(key: string): void {
    this.#join(snapshotName(key));
  }

  /** The call that is being answered is about this ingest. */
  joinIngest(ref: string): void {
    this.#join(ingestName(ref));
  }

  [Symbol.dispose](): void {
    this.#groups[Symbol.dispose]();
  }

  #join(name: string): void {
    const known = this.#known.find(name);
    if (!known || known.traceId === currentTrace()?.traceId) return;
    this.#groups.touch(name);
    joinTrace(known);
  }

  /** A snapshot that is not to become a layer is a container's, perhaps: its start links to what has prepared it. */
  #rememberPrepared({ method, request }: StartedCall): void {
    const trace = currentTrace();
    const { key, labels } = (request ?? {}) as AboutSnapshot;
    if (method !== 'Prepare' || key === undefined || trace?.spanId === undefined) return;
    if ((labels?.[SNAPSHOT_REF] ?? unpackedIn(key)) !== undefined) return;
    this.#known.forget(preparedName(key));
    this.#known.remember(preparedName(key), trace);
  }

  #traceOf(call: StartedCall): TraceContext {
    const { key, labels } = (call.request ?? {}) as AboutSnapshot;
    const name = key === undefined ? undefined : snapshotName(key);
    const chain = call.method === 'Prepare' ? (labels?.[SNAPSHOT_REF] ?? unpackedIn(key)) : undefined;
    const trace =
      parseTraceparent(call.header('traceparent')) ?? this.#ofLease(call) ?? this.#ofSnapshot(name, chain);
    if (chain === undefined) return trace ?? createTrace();
    const found = trace ?? createTrace();
    if (name !== undefined) this.#known.remember(name, found);
    this.#known.remember(chainName(chain), found);
    return found;
  }

  #ofLease({ header }: StartedCall): TraceContext | undefined {
    const lease = header('containerd-lease');
    if (lease === '') return undefined;
    const namespace = header('containerd-namespace');
    return this.#groups.of(`lease ${namespace}/${lease}`, 'lease', {
      'containerd.lease': lease,
      'containerd.namespace': namespace,
    });
  }

  #ofSnapshot(name: string | undefined, chain: string | undefined): TraceContext | undefined {
    if (name === undefined) return undefined;
    if (chain !== undefined) return this.#groups.of(name, 'unpack', { 'lade.chain_id': chain });
    this.#groups.touch(name);
    return this.#known.find(name);
  }
}

/** Under which a snapshot's trace is known; containerd puts `<namespace>/<number>/` in front of every key. */
export function snapshotName(key: string): string {
  return `snapshot ${withoutNumber(key)}`;
}

/** The same of the call that has prepared a container's snapshot. */
export function preparedName(key: string): string {
  return `prepared ${withoutNumber(key)}`;
}

/** The same of an ingest. */
export function ingestName(ref: string): string {
  return `ingest ${withoutNumber(ref)}`;
}

/** The same of the pull that has brought the top layer of an image. */
export function chainName(chain: string): string {
  return `chain ${chain}`;
}

/** Clients that do not look for the layer first name its chain in the key, as all of containerd's do. */
function unpackedIn(key = ''): string | undefined {
  return /\/extract-\S+ (sha256:[\da-f]{64})$/.exec(key)?.[1];
}

function withoutNumber(name: string): string {
  return name.replace(/^([^/]+)\/\d+\//, '$1/');
}
