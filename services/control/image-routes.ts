import { optionalTextField, textField } from './fields.ts';
import { readBody } from './read-body.ts';
import type { Route } from './route.ts';

export const imageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/images',
    access: 'open',
    handle: async (platform, { signal }) => ({ document: { images: await platform.images({ signal }) } }),
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
      const body = await readBody(request);
      const namespace = optionalTextField(body, 'namespace');
      return { events: platform.pull(textField(body, 'image'), { signal, ...(namespace && { namespace }) }) };
    },
  },
];
