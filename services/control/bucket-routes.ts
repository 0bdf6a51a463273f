import { CodedError } from '@lade/errors';
import { flagField, optionalTextField, queryFields, textField } from './fields.ts';
import { readBody } from './read-body.ts';
import { readHistoryQuery } from './read-history-query.ts';
import { DONE, type Route } from './route.ts';

export const bucketRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/bucket',
    access: 'open',
    handle: async ({ bucket }, { signal }) => ({ document: await bucket.contents({ signal }) }),
  },
  {
    method: 'GET',
    path: '/v1/bucket/history',
    access: 'open',
    handle: async ({ bucket }, { query }) => ({ document: bucket.history(readHistoryQuery(query)) }),
  },
  {
    method: 'GET',
    path: '/v1/bucket/objects',
    access: 'open',
    async handle({ bucket }, { query, signal }) {
      const fields = queryFields(query, { after: 'text' });
      const page = { prefix: query.get('prefix') ?? '', after: optionalTextField(fields, 'after') };
      return { document: await bucket.objects(page, { signal }) };
    },
  },
  {
    method: 'DELETE',
    path: '/v1/bucket/images',
    access: 'token',
    async handle({ bucket }, { query, signal }) {
      await bucket.removeImage(textField(queryFields(query, { image: 'text' }), 'image'), { signal });
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/v1/bucket/gc',
    access: 'token',
    async handle({ bucket }, { request, signal }) {
      const body = await readBody(request);
      // Nobody should remove anything by leaving something out.
      const dryRun = flagField(body, 'dryRun');
      const { graceDays } = body;
      if (graceDays !== undefined && typeof graceDays !== 'number')
        throw new CodedError('invalid_argument', 'Cannot read the request: graceDays has to be a number');
      const wanted = { dryRun, ...(graceDays === undefined ? {} : { graceDays }) };
      return { events: bucket.collectGarbage(wanted, { signal }) };
    },
  },
];
