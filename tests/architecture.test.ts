import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

/*
 * The rules of ARCHITECTURE.md, as code. Imports are read as text from every source file; type-only imports count.
 */
const ROOT = join(import.meta.dirname, '..');
const TIERS = ['libraries', 'platform', 'services', 'apps'] as const;
/** Pure bytes in, bytes out: no files, no network. */
const FORMATS = ['compression', 'tar', 'erofs', 'oci', 'errors', 'streams', 'protocol'];
/** The one place for each kind of foreign code. */
const OWNERS: readonly (readonly [RegExp, string])[] = [
  [/^koffi$/, 'libraries/linux'],
  [/^@aws-sdk\/credential-provider/, 'libraries/credentials'],
  [/^@aws-sdk\/(?!credential-provider)|^@smithy\/|^esdk-obs/, 'libraries/bucket/drivers'],
  [/^@grpc\//, 'libraries/grpc'],
  [/^@opentelemetry\//, 'libraries/tracing'],
  [/^node:sqlite$/, 'libraries/sqlite'],
];
const CLI_MAY_IMPORT = ['errors', 'oci', 'bucket-cost', 'control-protocol', 'containerd-config', 'daemon'];

interface Unit {
  readonly name: string;
  readonly folder: string;
  readonly tier: number;
  readonly dependencies: readonly string[];
  readonly files: readonly {
    readonly path: string;
    readonly imports: readonly string[];
    readonly lines: number;
  }[];
}

const units = readUnits();
const byName = new Map(units.map((unit) => [unit.name, unit]));

function readUnits(): Unit[] {
  return globSync(`{${TIERS.join(',')}}/*/package.json`, { cwd: ROOT }).map((manifest) => {
    const folder = dirname(manifest);
    const { name, dependencies = {} } = JSON.parse(readFileSync(join(ROOT, manifest), 'utf8')) as {
      name: string;
      dependencies?: Record<string, string>;
    };
    const files = globSync(`${folder}/**/*.{ts,tsx}`, { cwd: ROOT })
      .filter((path) => !path.includes('/generated/') && !path.includes('node_modules'))
      .map(readSource);
    return {
      name,
      folder,
      tier: TIERS.findIndex((t) => folder.startsWith(t)),
      dependencies: Object.keys(dependencies),
      files,
    };
  });
}

function readSource(path: string): Unit['files'][number] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return { path, imports, lines: text.trimEnd().split('\n').length };
}

function unitOf(specifier: string): Unit | undefined {
  return byName.get(specifier.split('/').slice(0, 2).join('/'));
}

function shortName(unit: Unit): string {
  return unit.name.slice('@lade/'.length);
}

/** Every import in every unit that breaks the rule. */
function violations(breaks: (unit: Unit, path: string, specifier: string) => boolean): string[] {
  return units.flatMap((unit) =>
    unit.files.flatMap(({ path, imports }) =>
      imports
        .filter((specifier) => breaks(unit, path, specifier))
        .map((specifier) => `${path} imports ${specifier}`),
    ),
  );
}

const isTest = (path: string): boolean => /\.test\.ts$|\/testing\/|\/conformance[^/]*$/.test(path);

test('there are units in every tier', () => {
  for (const tier of TIERS)
    assert.ok(
      units.some(({ folder, files }) => folder.startsWith(tier) && files.length > 0),
      tier,
    );
});

test('imports go to the same tier or to the left', () => {
  assert.deepEqual(
    violations((unit, _, specifier) => (unitOf(specifier)?.tier ?? 0) > unit.tier),
    [],
  );
});

test('a unit declares what it imports, and imports what it declares', () => {
  const undeclared = violations(
    ({ name, dependencies }, path, specifier) =>
      specifier.startsWith('@') &&
      !isTest(path) &&
      unitOf(specifier)?.name !== name &&
      !dependencies.includes(specifier.split('/').slice(0, 2).join('/')),
  );
  const unused = units.flatMap(({ folder, files, dependencies }) =>
    dependencies
      .filter((d) => !files.some(({ imports }) => imports.some((i) => i === d || i.startsWith(`${d}/`))))
      .map((d) => `${folder} declares ${d}`),
  );
  assert.deepEqual([...undeclared, ...unused], []);
});

test('units do not depend on each other in circles', () => {
  const visit = (unit: Unit, trail: readonly string[]): void => {
    assert.ok(!trail.includes(unit.name), [...trail, unit.name].join(' → '));
    for (const name of unit.dependencies) {
      const next = byName.get(name);
      if (next) visit(next, [...trail, unit.name]);
    }
  };
  for (const unit of units) visit(unit, []);
});

test('nobody reaches into another unit, or out of its own by a relative path', () => {
  const leaves = violations(
    (unit, path, specifier) =>
      specifier.startsWith('.') && !join(dirname(path), specifier).startsWith(`${unit.folder}/`),
  );
  assert.deepEqual(leaves, []);
});

test('foreign code of each kind has one home', () => {
  const strays = violations((_, path, specifier) =>
    OWNERS.some(([pattern, home]) => pattern.test(specifier) && !path.startsWith(`${home}/`)),
  );
  assert.deepEqual(strays, []);
});

test('format units touch no file and no network', () => {
  const io = /^node:(fs|net|http|https|http2|child_process|worker_threads)/;
  assert.deepEqual(
    violations(
      (unit, path, specifier) =>
        FORMATS.some((name) => unit.folder === `libraries/${name}`) && !isTest(path) && io.test(specifier),
    ),
    [],
  );
});

test('platform sees ports: no protocol, no HTTP, no kernel, no driver', () => {
  const banned =
    /^node:(http|https|http2|net|child_process)|^@lade\/(protocol|grpc|linux|containerd-client|control-protocol|sandbox|debian)\b/;
  assert.deepEqual(
    violations(
      (unit, path, specifier) =>
        unit.folder.startsWith('platform/') && !isTest(path) && banned.test(specifier),
    ),
    [],
  );
});

test('services do not import each other', () => {
  const strays = violations((unit, _, specifier) => {
    const other = unitOf(specifier);
    return (
      unit.folder.startsWith('services/') &&
      other !== undefined &&
      other !== unit &&
      other.folder.startsWith('services/')
    );
  });
  assert.deepEqual(strays, []);
});

test('the command line reaches the platform only through the control API', () => {
  const strays = violations((unit, path, specifier) => {
    const other = unitOf(specifier);
    return (
      unit.folder === 'apps/cli' &&
      !isTest(path) &&
      other !== undefined &&
      other !== unit &&
      !CLI_MAY_IMPORT.includes(shortName(other))
    );
  });
  assert.deepEqual(strays, []);
});

test('the environment is read only where configuration is, and where programs are started', () => {
  const allowed = ['apps/', 'libraries/sandbox/', 'libraries/debian/'];
  const readers = units
    .flatMap(({ files }) => files)
    .filter(
      ({ path }) =>
        !isTest(path) &&
        !allowed.some((place) => path.startsWith(place)) &&
        readFileSync(join(ROOT, path), 'utf8').includes('process.env'),
    );
  assert.deepEqual(
    readers.map(({ path }) => path),
    [],
  );
});

test('files stay small: none above 300 lines, the median at most 100', () => {
  const sources = units.flatMap(({ files }) => files).filter(({ path }) => !isTest(path));
  assert.deepEqual(
    sources.filter(({ lines }) => lines > 300).map(({ path, lines }) => `${path}: ${lines}`),
    [],
  );
  const sorted = sources.map(({ lines }) => lines).sort((a, b) => a - b);
  assert.ok((sorted[Math.floor(sorted.length / 2)] ?? 0) <= 100);
});
