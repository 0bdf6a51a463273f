import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

/*
 * Every metric is in the reference and every expression of the dashboard is about one, as far as their names go. That they are served is
 * for tests/garbage.test.ts.
 */
const ROOT = join(import.meta.dirname, '../..');
const NAME = /\b(?:lade|process)_[a-z_]+\b/g;

function namesIn(path: string, pattern: RegExp = NAME): string[] {
  return [...new Set(readFileSync(join(ROOT, path), 'utf8').match(pattern))].sort();
}

test('the reference has every metric, and no other', () => {
  const served = namesIn('apps/daemon/metrics.ts', /(?<=')(?:lade|process)_[a-z_]+(?=')/g);
  assert.ok(served.length > 20);
  assert.deepEqual(namesIn('docs/reference/metrics.md', /(?<=^\| `)(?:lade|process)_[a-z_]+/gm), served);
});

test('the dashboard is about metrics that there are', () => {
  const served = new Set(namesIn('apps/daemon/metrics.ts'));
  const { panels } = JSON.parse(readFileSync(join(ROOT, 'docs/grafana/lade.json'), 'utf8')) as {
    panels: { targets: { expr: string }[] }[];
  };
  const used = panels
    .flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(NAME) ?? []))
    .map((name) => name.replace(/_seconds_(?:bucket|sum|count)$/, '_seconds'));
  assert.ok(used.length >= panels.length);
  assert.deepEqual(
    used.filter((name) => !served.has(name)),
    [],
  );
});
