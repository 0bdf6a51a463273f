import type { IncomingMessage } from 'node:http';
import type { ControlPlatform } from './control-platform.ts';
import { readBody, textField } from './read-body.ts';
import { namespaceIn, readPullRequest } from './read-pull-request.ts';
import { readQuery } from './read-query.ts';
import { RequestRefusal } from './request-refusal.ts';

/** One JSON document, or events that are written as they come, one JSON object a line, or nothing but success. */
type Answer = { readonly document: object } | { readonly events: AsyncIterable<object> } | 'done';

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
    GET: async (platform, request, signal) => ({
      document: { images: await platform.images({ signal, ...namespaceIn(readQuery(request)) }) },
    }),
    DELETE: async (platform, request, signal) => {
      const query = readQuery(request);
      await platform.removeImage(textField(query, 'image'), { signal, ...namespaceIn(query) });
      return 'done';
    },
  },
  '/v1/layers': {
    GET: async (platform, _, signal) => ({ document: { layers: await platform.layers({ signal }) } }),
  },
  '/v1/images/verify': {
    POST: async (platform, request, signal) => {
      const image = textField(await readBody(request), 'image');
      return { events: platform.verify(image, { signal }) };
    },
  },
  '/v1/images/pull': {
    POST: async (platform, request, signal) => {
      return { events: platform.pull(readPullRequest(await readBody(request)), { signal }) };
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
