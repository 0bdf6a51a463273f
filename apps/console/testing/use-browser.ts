import { mkdir } from 'node:fs/promises';
import { after, before } from 'node:test';
import type { Browser } from 'playwright-core';
import { PICTURES } from './looks.ts';
import { openBrowser, type TestBrowser } from './open-browser.ts';

/** A browser for all tests of a file, called at its top; there is a folder for pictures. */
export function useBrowser(): { readonly browser: Browser } {
  let opened: TestBrowser | undefined;
  before(async () => {
    await mkdir(PICTURES, { recursive: true });
    opened = await openBrowser();
  });
  after(async () => opened?.[Symbol.asyncDispose]());
  return {
    get browser() {
      if (!opened) throw new Error('the tests have not begun');
      return opened.browser;
    },
  };
}
