import { useSpanSink, type EndedSpan } from '../span-sink.ts';

/** The spans of this process that end until disposal. */
export interface CollectedSpans extends Disposable {
  readonly ended: EndedSpan[];
}

export function collectSpans(isSampled = (): boolean => true): CollectedSpans {
  const ended: EndedSpan[] = [];
  const using = useSpanSink({ isSampled, end: (span) => void ended.push(span) });
  return { ended, [Symbol.dispose]: () => using[Symbol.dispose]() };
}
