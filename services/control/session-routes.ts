import { CodedError } from '@lade/errors';
import { optionalInteger } from './fields.ts';
import { readBody, readBytes } from './read-body.ts';
import { DONE, type Route } from './route.ts';

const SIZE = { min: 1, max: 0xff_ff } as const;

/** Where the input of processes goes that POST …/exec and POST /v1/containers have started. */
export const sessionRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/sessions/{session}/input',
    access: 'token',
    async handle({ containers }, { request, parameters: { session = '' } }) {
      await containers.sessions.write(session, await readBytes(request));
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/v1/sessions/{session}/size',
    access: 'token',
    async handle({ containers }, { request, parameters: { session = '' } }) {
      const body = await readBody(request);
      const columns = optionalInteger(body, 'columns', SIZE);
      const rows = optionalInteger(body, 'rows', SIZE);
      if (columns === undefined || rows === undefined)
        throw new CodedError('invalid_argument', 'Cannot read the request: columns or rows is missing');
      await containers.sessions.resize(session, { columns, rows });
      return DONE;
    },
  },
];
