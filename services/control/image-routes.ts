import { readBody, textField } from './read-body.ts';
import { namespaceIn, readPullRequest } from './read-pull-request.ts';
import type { Call, Route } from './route.ts';

export const imageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/images',
    access: 'open',
    handle: async (platform, call) => ({
      document: { images: await platform.images({ signal: call.signal, ...namespaceIn(fieldsOf(call)) }) },
    }),
  },
  {
    method: 'DELETE',
    path: '/v1/images',
    access: 'token',
    async handle(platform, call) {
      const fields = fieldsOf(call);
      await platform.removeImage(textField(fields, 'image'), {
        signal: call.signal,
        ...namespaceIn(fields),
      });
      return { done: true };
    },
  },
  {
    method: 'POST',
    path: '/v1/images/verify',
    access: 'token',
    async handle(platform, { request, signal }) {
      const image = textField(await readBody(request), 'image');
      return { events: platform.verify(image, { signal }) };
    },
  },
  {
    method: 'POST',
    path: '/v1/images/pull',
    access: 'token',
    handle: async (platform, { request, signal }) => ({
      events: platform.pull(readPullRequest(await readBody(request)), { signal }),
    }),
  },
];

/** Of several parameters with the same name the last counts. */
function fieldsOf({ query }: Call): Readonly<Record<string, unknown>> {
  return Object.fromEntries(query);
}
