import { join } from 'node:path';

/** Where pictures of pages go. */
export const PICTURES: string = join(import.meta.dirname, '../../../output/console');

/** How pages are looked at: each theme, each language, each size. */
export const LOOKS = [
  { name: 'light', language: 'en', dark: false, width: 1280 },
  { name: 'dark', language: 'zh', dark: true, width: 1280 },
  { name: 'phone', language: 'en', dark: true, width: 360 },
] as const;
