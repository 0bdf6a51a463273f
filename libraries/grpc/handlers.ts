import type {
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';

/** What a handler knows of its call beside the request. */
export interface CallContext {
  /** Of the header containerd-namespace; '' without one. */
  readonly namespace: string;
  /** Aborted when the caller cancels, goes away or runs out of time. */
  readonly signal: AbortSignal;
}

type Handler<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: CallContext) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: CallContext) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, context: CallContext) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (
              requests: AsyncIterable<MessageShape<I>>,
              context: CallContext,
            ) => AsyncIterable<MessageInitShape<O>>
          : never;

/** One function per method of a generated service; streams are async iterables. */
export type ServiceHandlers<S extends DescService> = {
  readonly [Name in keyof S['method']]: Handler<S['method'][Name]>;
};
