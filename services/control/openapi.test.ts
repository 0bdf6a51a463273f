import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROUTES } from './routes.ts';
import { OPERATIONS } from './testing/contract.ts';

const nameOf = ({ method, path }: { readonly method: string; readonly path: string }): string =>
  `${method} ${path}`;

test('openapi.yaml describes every route, and there is a route for all that it describes', () => {
  assert.deepEqual(ROUTES.map(nameOf).sort(), OPERATIONS.map(nameOf).sort());
  assert.equal(new Set(OPERATIONS.map(({ operationId }) => operationId)).size, OPERATIONS.length);
});

test('openapi.yaml says of every route whether it needs the token', () => {
  const needToken = OPERATIONS.filter(({ security }) => security !== undefined);
  for (const operation of needToken) assert.deepEqual(operation.security, [{ token: [] }], nameOf(operation));
  const built = ROUTES.filter(({ access }) => access === 'token').map(nameOf);
  assert.deepEqual(built.sort(), needToken.map(nameOf).sort());
});
