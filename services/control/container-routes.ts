import { optionalFlag, optionalInteger, queryFields } from './fields.ts';
import { readExec, readRun } from './container-requests.ts';
import { checkName, namespaceIn } from './namespace-in.ts';
import { readBody } from './read-body.ts';
import { DONE, type Call, type Route } from './route.ts';

const DEFAULT_NAMESPACE = 'default';
const DEFAULT_PATIENCE = 10;
const LOG_OPENS_AFTER_MS = 500;

export const containerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/containers',
    access: 'open',
    async handle({ containers }, call) {
      return { document: { containers: await containers.list(inQuery(call)) } };
    },
  },
  {
    method: 'POST',
    path: '/v1/containers',
    access: 'token',
    async handle({ containers }, { request, signal }) {
      const body = await readBody(request);
      return { events: containers.run(readRun(body), { namespace: namespaceOf(body), signal }) };
    },
  },
  {
    method: 'GET',
    path: '/v1/containers/{id}',
    access: 'open',
    async handle({ containers }, call) {
      return { document: await containers.get(idOf(call), inQuery(call)) };
    },
  },
  {
    method: 'DELETE',
    path: '/v1/containers/{id}',
    access: 'token',
    async handle({ containers }, call) {
      const force = optionalFlag(queryFields(call.query, { force: 'flag' }), 'force') ?? false;
      await containers.remove(idOf(call), { ...inQuery(call), force });
      return DONE;
    },
  },
  {
    method: 'POST',
    path: '/v1/containers/{id}/stop',
    access: 'token',
    async handle({ containers }, call) {
      const body = await readBody(call.request);
      const seconds = optionalInteger(body, 'seconds', { min: 0, max: 3600 }) ?? DEFAULT_PATIENCE;
      await containers.stop(idOf(call), { namespace: namespaceOf(body), seconds, signal: call.signal });
      return DONE;
    },
  },
  {
    method: 'GET',
    path: '/v1/containers/{id}/logs',
    access: 'token',
    async handle({ containers }, call) {
      const fields = queryFields(call.query, { follow: 'flag', tail: 'integer' });
      const follow = optionalFlag(fields, 'follow') ?? false;
      const tail = optionalInteger(fields, 'tail', { min: 0, max: Number.MAX_SAFE_INTEGER });
      const events = containers.logs(idOf(call), { ...inQuery(call), follow, tail });
      // One that writes nothing has a log all the same.
      return { events, opensAfterMs: LOG_OPENS_AFTER_MS };
    },
  },
  {
    method: 'POST',
    path: '/v1/containers/{id}/exec',
    access: 'token',
    async handle({ containers }, call) {
      const body = await readBody(call.request);
      const scope = { namespace: namespaceOf(body), signal: call.signal };
      return { events: containers.exec(idOf(call), readExec(body), scope) };
    },
  },
];

function inQuery({ query, signal }: Call): { readonly namespace: string; readonly signal: AbortSignal } {
  return { namespace: namespaceOf(queryFields(query, { namespace: 'text' })), signal };
}

function namespaceOf(fields: Readonly<Record<string, unknown>>): string {
  return namespaceIn(fields) ?? DEFAULT_NAMESPACE;
}

function idOf({ parameters: { id = '' } }: Call): string {
  return checkName(id, 'container');
}
