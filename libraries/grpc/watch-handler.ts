import type { DescMethod } from '@bufbuild/protobuf';
import { codeOf, type ErrorCode } from '@lade/errors';
import type { CallContext } from './handlers.ts';

export type Unary = (request: unknown, context: CallContext) => Promise<unknown>;
export type Streaming = (request: unknown, context: CallContext) => AsyncIterable<unknown>;
export type AnyHandler = Unary & Streaming; // the method's kind tells which

export interface AnsweredCall {
  /** With its package. */
  readonly service: string;
  /** As the generated code names it. */
  readonly method: string;
  readonly namespace: string;
  /** What CallWatch made of the caller's first message. */
  readonly subject: object;
  readonly ms: number;
  /** Why it failed. */
  readonly code?: ErrorCode;
}

/** A call that is about to be answered. */
export interface StartedCall {
  /** With its package. */
  readonly service: string;
  /** As its definition names it: "Prepare". */
  readonly method: string;
  /** Undefined where the caller sends several. */
  readonly request: unknown;
  /** Of the call's metadata; '' without one. */
  readonly header: (name: string) => string;
}

/** Is told of every call when it has been answered. */
export interface CallWatch {
  /** Runs what answers a call, and all that it leads to. */
  around(call: StartedCall, answer: () => Promise<void>): Promise<void>;
  /** What is to be kept of the first message until then. */
  subjectOf(request: unknown): object;
  tell(call: AnsweredCall): void;
}

/** The same handler, which tells how its calls end. */
export function watchHandler(method: DescMethod, run: AnyHandler, watch: CallWatch): AnyHandler {
  const { methodKind } = method;
  const begin = (given: unknown, { namespace }: CallContext): Begun => {
    const started = performance.now();
    let subject = {};
    const see = (message: unknown): void => void (subject = watch.subjectOf(message));
    const isStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
    if (!isStream) see(given);
    return {
      request: isStream ? seeFirst(given as AsyncIterable<unknown>, see) : given,
      end(reason) {
        const ms = Math.round((performance.now() - started) * 10) / 10;
        const outcome = reason === undefined ? {} : { code: codeOf(reason) };
        const { parent, localName } = method;
        watch.tell({ service: parent.typeName, method: localName, namespace, subject, ms, ...outcome });
      },
    };
  };
  const isStreamed = methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
  return (isStreamed ? watchStreaming(run, begin) : watchUnary(run, begin)) as AnyHandler;
}

interface Begun {
  readonly request: unknown;
  readonly end: (reason?: unknown) => void;
}

type Begin = (given: unknown, context: CallContext) => Begun;

function watchUnary(run: Unary, begin: Begin): Unary {
  return async (given, context) => {
    const { request, end } = begin(given, context);
    try {
      const response = await run(request, context);
      end();
      return response;
    } catch (reason) {
      end(reason);
      throw reason;
    }
  };
}

function watchStreaming(run: Streaming, begin: Begin): Streaming {
  return async function* (given, context) {
    const { request, end } = begin(given, context);
    let outcome: unknown;
    try {
      yield* run(request, context);
    } catch (reason) {
      outcome = reason;
      throw reason;
    } finally {
      end(outcome);
    }
  };
}

async function* seeFirst(messages: AsyncIterable<unknown>, see: (message: unknown) => void): AsyncGenerator {
  let isFirst = true;
  for await (const message of messages) {
    if (isFirst) see(message);
    isFirst = false;
    yield message;
  }
}
