import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { ROUTES } from './routes.ts';

interface Operation {
  readonly operationId: string;
  readonly security?: readonly Readonly<Record<string, unknown>>[];
}

interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Described before they are built. Each leaves this list with its route. */
const AWAITED: readonly string[] = ['DELETE /v1/images', 'GET /v1/nodes', 'GET /v1/events'];

const { paths } = parse(readFileSync(join(import.meta.dirname, 'openapi.yaml'), 'utf8')) as Contract;
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    operation,
  })),
);

test('openapi.yaml describes every route, and there is a route for all that it describes', () => {
  const described = operations.map(({ name }) => name).sort();
  const built = ROUTES.map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual([...built, ...AWAITED].sort(), described);
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
});

test('openapi.yaml says of every route whether it needs the token', () => {
  const needToken = operations.filter(({ operation }) => operation.security !== undefined);
  for (const { name, operation } of needToken) assert.deepEqual(operation.security, [{ token: [] }], name);
  const built = ROUTES.filter(({ access }) => access === 'token').map(
    ({ method, path }) => `${method} ${path}`,
  );
  const described = needToken.map(({ name }) => name).filter((name) => !AWAITED.includes(name));
  assert.deepEqual(built.sort(), described.sort());
});
