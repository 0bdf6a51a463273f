import { join } from 'node:path';

/** The cache folder of tests: LADE_CACHE, or `.cache` at the root of the repository. */
export const cacheFolder = process.env['LADE_CACHE'] ?? join(import.meta.dirname, '../../.cache');
