import { readFileSync } from 'node:fs';
import { parsePrices, type Prices } from '@lade/bucket-cost';
import { wrapError } from '@lade/errors';

/** Reads a file of prices. Throws `invalid_argument` for one that is none, or not whole. */
export function readPrices(path: string): Prices {
  return parsePrices(readJson(path), path);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (reason) {
    throw wrapError(reason, `Cannot read prices ${path}`);
  }
}
