import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { GrpcClient } from '@lade/grpc';

/** Of every call: what ends it early. */
export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** The way to one containerd in one namespace, and under one lease if there is one. */
export class Connection {
  readonly #grpc: GrpcClient;
  readonly #defaults: { readonly namespace: string; readonly lease?: string };

  constructor(grpc: GrpcClient, namespace: string, leaseId?: string) {
    this.#grpc = grpc;
    this.#defaults = { namespace, ...(leaseId === undefined ? {} : { lease: leaseId }) };
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: RequestOptions,
  ): Promise<MessageShape<O>> {
    return this.#grpc.call(method, request, { ...this.#defaults, ...options });
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: RequestOptions,
  ): AsyncIterable<MessageShape<O>> {
    return this.#grpc.stream(method, request, { ...this.#defaults, ...options });
  }

  converse<I extends DescMessage, O extends DescMessage>(
    method: DescMethodBiDiStreaming<I, O>,
    requests: AsyncIterable<MessageInitShape<I>>,
    options: RequestOptions,
  ): AsyncIterable<MessageShape<O>> {
    return this.#grpc.converse(method, requests, { ...this.#defaults, ...options });
  }

  /** The same, with everything that calls make kept by the lease. */
  underLease(leaseId: string): Connection {
    return new Connection(this.#grpc, this.#defaults.namespace, leaseId);
  }
}
