import type { IncomingMessage } from 'node:http';

/** The parameters of a request's query, as fields; of several with the same name the last counts. */
export function readQuery({ url = '/' }: IncomingMessage): Readonly<Record<string, unknown>> {
  const start = url.indexOf('?');
  return Object.fromEntries(new URLSearchParams(start < 0 ? '' : url.slice(start)));
}
