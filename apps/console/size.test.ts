import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

const DIST = join(import.meta.dirname, 'dist');
const MAX_FIRST_LOAD = 250 * 1024;

test('the first load is at most 250 KB, compressed, and neither the terminal nor charts are in it', async () => {
  const files = JSON.parse(await readFile(join(DIST, 'files.json'), 'utf8')) as string[];
  const page = await readFile(join(DIST, 'index.html'), 'utf8');
  const named = files.filter((file) => page.includes(file) || /overview-page/.test(file));
  const sources = await Promise.all(
    named.filter((file) => file.endsWith('.js')).map(async (file) => readFile(join(DIST, file), 'utf8')),
  );
  // Whatever a page that is loaded at once imports without waiting comes with it.
  const imported = files.filter((file) =>
    sources.some((text) => text.includes(`from"./${file.replace('assets/', '')}"`)),
  );
  const first = [...new Set(['index.html', ...named, ...imported])];
  const sizes = await Promise.all(first.map(async (file) => (await stat(join(DIST, `${file}.gz`))).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total > 20_000 && total <= MAX_FIRST_LOAD, `${total} bytes: ${first.join(' ')}`);
  for (const part of ['terminal', 'bucket-page']) {
    assert.ok(!first.some((file) => file.includes(part)));
    assert.ok(files.some((file) => file.includes(part)));
  }
});

test('no script is made from text, and no file names another host', async () => {
  const files = JSON.parse(await readFile(join(DIST, 'files.json'), 'utf8')) as string[];
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    assert.doesNotMatch(await readFile(join(DIST, file), 'utf8'), /\beval\(|new Function\(/, file);
  }
  const page = await readFile(join(DIST, 'index.html'), 'utf8');
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|https?:\/\//);
});
