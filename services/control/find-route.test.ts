import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findRoute } from './find-route.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes.ts';
import { statusOf } from './status-of.ts';

const handle: Route['handle'] = async () => ({ done: true });
const TABLE: readonly Route[] = [
  { method: 'GET', path: '/v1/things', access: 'open', handle },
  { method: 'GET', path: '/v1/things/{id}', access: 'open', handle },
  { method: 'DELETE', path: '/v1/things/{id}', access: 'token', handle },
  { method: 'POST', path: '/v1/things/{id}/stop', access: 'token', handle },
];

function status(method: string, path: string, routes = TABLE): number {
  try {
    findRoute(routes, method, path);
    return 200;
  } catch (reason) {
    return statusOf(reason);
  }
}

test('every route of the API is found by its path, and only by that', () => {
  for (const { method, path } of ROUTES) {
    const real = path.replaceAll(/\{\w+\}/g, 'a%20b');
    assert.equal(findRoute(ROUTES, method, real).route.path, path);
    for (const other of [`${real}/`, `/${real}`, real.toUpperCase(), `${real}/..`, real.slice(1)])
      assert.notEqual(status(method, other, ROUTES), 200, other);
  }
});

test('a parameter is one name, decoded once', () => {
  const { route, parameters } = findRoute(TABLE, 'DELETE', '/v1/things/a%20b%25');
  assert.deepEqual([route.method, parameters], ['DELETE', { id: 'a b%' }]);
  for (const name of ['%2f', 'a%2Fb', '..', '%2e%2e', '.', 'a%5cb', '%00', '%0a', '%', '%ff', '%E0%A4'])
    for (const rest of ['', '/stop'])
      assert.equal(status(rest === '' ? 'GET' : 'POST', `/v1/things/${name}${rest}`), 400, name);
  for (const path of ['/v1/things/', '/v1/things//stop', '/v1/things/a/b/stop', '/v1/things/../things'])
    assert.equal(status('POST', path), 404, path);
});

test('what is no path is not found, and a wrong method is told the right ones', () => {
  for (const path of ['', '*', '/', '/v1', '/constructor', '/v1/../v1/things', '/v1/./things'])
    assert.equal(status('GET', path), 404, path);
  assert.equal(status('HEAD', '/v1/things'), 200);
  assert.throws(() => findRoute(TABLE, 'PUT', '/v1/things/a'), {
    status: 405,
    headers: { allow: 'GET, DELETE' },
  });
});
