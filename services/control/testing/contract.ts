import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  /** Missing where reading on loopback needs no token. */
  readonly security?: readonly object[];
  readonly responses: Readonly<Record<string, { readonly $ref?: string }>>;
}

type Described = Omit<Operation, 'method' | 'path'>;

interface Contract {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: object;
}

const contract = parse(readFileSync(join(import.meta.dirname, '../openapi.yaml'), 'utf8')) as Contract;

/** All that openapi.yaml describes. */
export const OPERATIONS: readonly Operation[] = Object.entries(contract.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    method: method.toUpperCase(),
    path,
  })),
);

const ajv = new Ajv2020({
  strict: false,
  formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ },
});
close(contract.components, new Set(partsOf(contract.components)), '#/components');
ajv.addSchema(contract, 'api');

/** Holds a value against a schema of openapi.yaml. A field that is not described there does not fit. */
export function assertFits(schema: string, value: unknown): void {
  assertValid(`#/components/schemas/${schema}`, value);
}

/** Same, a document, or a line of a stream, that an operation has answered with. */
export function assertAnswers({ method, path, responses }: Operation, type: string, value: unknown): void {
  const inline = `#/paths/${escape(path)}/${method.toLowerCase()}/responses/200`;
  assertValid(`${responses['200']?.$ref ?? inline}/content/${escape(type)}/schema`, value);
}

function assertValid(pointer: string, value: unknown): void {
  const validate = ajv.getSchema(`api${pointer}`);
  assert.ok(validate, `openapi.yaml has no ${pointer}`);
  assert.ok(validate(value), `${pointer}: ${JSON.stringify(value)} ${ajv.errorsText(validate.errors)}`);
}

/** What stands for itself has all its fields; what is a part of others cannot know theirs. */
function close(schema: object, parts: ReadonlySet<string>, pointer: string): void {
  const isWhole = 'properties' in schema || 'allOf' in schema;
  if (isWhole && !('additionalProperties' in schema) && !parts.has(pointer))
    Object.assign(schema, { unevaluatedProperties: false });
  for (const [name, value] of Object.entries(schema) as [string, unknown][])
    if (typeof value === 'object' && value !== null && name !== 'allOf')
      close(value, parts, `${pointer}/${name}`);
}

/** The schemas that others have in their `allOf`. */
function partsOf(schema: object): string[] {
  return (Object.entries(schema) as [string, unknown][]).flatMap(([name, value]) => {
    if (typeof value !== 'object' || value === null) return [];
    const own = name === 'allOf' ? (value as { $ref?: string }[]).flatMap(({ $ref }) => $ref ?? []) : [];
    return [...own, ...partsOf(value)];
  });
}

function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
