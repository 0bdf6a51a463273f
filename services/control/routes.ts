import type { IncomingMessage } from 'node:http';
import type { ControlPlatform } from './control-platform.ts';
import { readEventQuery } from './read-event-query.ts';
import { optionalTextField, readBody, textField } from './read-body.ts';
import { RequestRefusal } from './request-refusal.ts';
import type { EventStream } from './write-events.ts';

/** One JSON document, or events that are written as they come. */
type Answer = { readonly document: object } | EventStream;

/** Answers a request that the route table has matched. */
export type Handler = (
  platform: ControlPlatform,
  request: IncomingMessage,
  signal: AbortSignal,
) => Promise<Answer>;

const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/v1/status': {
    GET: async (platform, _, signal) => ({ document: await platform.status({ signal }) }),
  },
  '/v1/images': {
    GET: async (platform, _, signal) => ({ document: { images: await platform.images({ signal }) } }),
  },
  '/v1/layers': {
    GET: async (platform, _, signal) => ({ document: { layers: await platform.layers({ signal }) } }),
  },
  '/v1/nodes': {
    GET: async (platform, _, signal) => ({ document: { nodes: await platform.nodes({ signal }) } }),
  },
  '/v1/stored': {
    GET: async (platform, _, signal) => ({ document: { stored: await platform.stored({ signal }) } }),
  },
  '/v1/events': {
    GET: async (platform, request, signal) => {
      const query = readEventQuery(request);
      return { events: platform.events(query, { signal }), isEndless: query.follow === true };
    },
  },
  '/v1/images/verify': {
    POST: async (platform, request, signal) => {
      const image = textField(await readBody(request), 'image');
      return { events: platform.verify(image, { signal }) };
    },
  },
  '/v1/images/pull': {
    POST: async (platform, request, signal) => {
      const body = await readBody(request);
      const namespace = optionalTextField(body, 'namespace');
      return { events: platform.pull(textField(body, 'image'), { signal, ...(namespace && { namespace }) }) };
    },
  },
};

/** Throws a refusal with 404 for an unknown path, with 405 for a method that its path does not have. */
export function findHandler({ method = '', url = '/' }: IncomingMessage): Handler {
  const path = url.split('?', 1)[0] ?? url;
  const methods = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
  if (!methods) throw new RequestRefusal(404, 'not_found', `Cannot find ${path}: this API has no such path`);
  const verb = method === 'HEAD' ? 'GET' : method;
  const handler = Object.hasOwn(methods, verb) ? methods[verb] : undefined;
  if (handler) return handler;
  const allow = Object.keys(methods).join(', ');
  throw new RequestRefusal(405, 'unimplemented', `Cannot ${method} ${path}: it has only ${allow}`, {
    headers: { allow },
  });
}
