import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';

export interface PageOptions {
  readonly url: string;
  readonly language?: 'en' | 'zh';
  readonly dark?: boolean;
  readonly width?: number;
  readonly reducedMotion?: boolean;
}

export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** What went wrong: errors of scripts, of the console, and requests to another host. */
  readonly faults: readonly string[];
  /** What axe finds, one line a finding. */
  readonly audit: () => Promise<readonly string[]>;
}

/** A page of the console in a browser profile of its own. An answer that is an error is no fault of the page. */
export async function openPage(browser: Browser, options: PageOptions): Promise<OpenedPage> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1280, height: 860 },
    locale: options.language === 'zh' ? 'zh-CN' : 'en-US',
    colorScheme: options.dark ? 'dark' : 'light',
    reducedMotion: options.reducedMotion ? 'reduce' : 'no-preference',
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('console', (message) => {
    const isAnswer = message.text().startsWith('Failed to load resource: the server responded');
    if (['error', 'warning'].includes(message.type()) && !isAnswer) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(`${new URL(options.url).origin}/`))
      faults.push(`request: ${request.url()}`);
  });
  await page.goto(options.url);
  return {
    page,
    faults,
    audit: async () => audit(page),
    [Symbol.asyncDispose]: async () => context.close(),
  };
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** Through the debugger, not as a script of the page, whose policy lets nothing in. */
async function audit(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(AXE, 'utf8'));
  const result = await page.evaluate<AxeResult>('axe.run()');
  return result.violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' | ')}`,
  );
}
