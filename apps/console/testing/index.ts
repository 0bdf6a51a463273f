import { en, type Messages } from '../src/i18n/en.ts';
import { zh } from '../src/i18n/zh.ts';

export { startApiServer, type ApiServer } from './api-server.ts';
export { LOOKS, PICTURES } from './looks.ts';
export { openBrowser, type TestBrowser } from './open-browser.ts';
export { useBrowser } from './use-browser.ts';
export { openPage, type OpenedPage, type PageOptions } from './open-page.ts';
export { createEmptyNode, createNode, type SampleNode } from './sample-api.ts';

/** Every sentence of the console, by language. */
export const SENTENCES: Readonly<Record<'en' | 'zh', Messages>> = { en, zh };
export type { Messages };
