import { optionalInteger, queryFields, textField } from './fields.ts';
import { readBody } from './read-body.ts';
import { readPullRequest, scopeIn } from './read-pull-request.ts';
import { DONE, type Route } from './route.ts';

export const imageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/images',
    access: 'open',
    async handle(platform, { query, signal }) {
      const fields = queryFields(query, { namespace: 'text', maxAge: 'integer' });
      const maxAge = optionalInteger(fields, 'maxAge', { min: 0, max: 3600 }) ?? 0;
      const wanted = { ...scopeIn(fields), maxAgeMs: maxAge * 1000, signal };
      return { document: { images: await platform.images(wanted) } };
    },
  },
  {
    method: 'DELETE',
    path: '/v1/images',
    access: 'token',
    async handle(platform, { query, signal }) {
      const fields = queryFields(query, { image: 'text', namespace: 'text' });
      await platform.removeImage(textField(fields, 'image'), { ...scopeIn(fields), signal });
      return DONE;
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
    async handle(platform, { request, signal }) {
      return { events: platform.pull(readPullRequest(await readBody(request)), { signal }) };
    },
  },
];
