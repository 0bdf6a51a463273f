import type { IncomingMessage } from 'node:http';
import type { ControlPlatform } from './control-platform.ts';

/** One JSON document, a text of a type, events that are written as they come, one JSON object a line, or nothing but that it is done. */
export type Answer =
  | { readonly document: object }
  | { readonly text: string; readonly type: string }
  | { readonly events: AsyncIterable<object> }
  | { readonly done: true };

export const DONE: Answer = { done: true };

export interface Call {
  readonly request: IncomingMessage;
  /** What the path has in the place of each {name}, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Literal segments, and {name} for a segment that may be any. */
  readonly path: `/${string}`;
  /** `token`: changes or runs something, or shows what a container wrote. */
  readonly access: 'open' | 'token';
  readonly handle: (platform: ControlPlatform, call: Call) => Promise<Answer>;
}
