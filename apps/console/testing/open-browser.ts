import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareChromium, unpackSet } from '@lade/sandbox';
import { chromium, type Browser } from 'playwright-core';

const CACHE = process.env['LADE_CACHE'] ?? join(import.meta.dirname, '../../../.cache');

export interface TestBrowser extends AsyncDisposable {
  readonly browser: Browser;
}

/** A browser of the distribution's, with nothing in it, that reaches this machine only and leaves nothing behind. */
export async function openBrowser(): Promise<TestBrowser> {
  const { folder } = await unpackSet('chromium', { cacheFolder: CACHE });
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-browser-')));
  const { executable, env } = await prepareChromium(folder, path);
  const browser = await chromium.launch({
    executablePath: executable,
    env: { ...process.env, ...env },
    args: ['--no-sandbox', '--proxy-server=http://127.0.0.1:1', '--proxy-bypass-list=127.0.0.1'],
    artifactsDir: path,
  });
  stack.defer(async () => browser.close());
  const moved = stack.move();
  return { browser, [Symbol.asyncDispose]: async () => moved.disposeAsync() };
}
