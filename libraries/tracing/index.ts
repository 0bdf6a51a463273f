export { currentTrace, inTrace, joinTrace } from './current-trace.ts';
export { HeldSpan } from './held-span.ts';
export { startExport, type ExportOptions } from './start-export.ts';
export { KnownTraces } from './known-traces.ts';
export {
  beginSpan,
  inSpan,
  nowMs,
  outsideTraces,
  spanOver,
  tellOfSpan,
  tellSpan,
  type Span,
  type SpanEnd,
} from './span.ts';
export type { Attributes } from './span-sink.ts';
export { createTrace, formatTraceparent, parseTraceparent, type TraceContext } from './trace-context.ts';
export { watchWork } from './watch-work.ts';
