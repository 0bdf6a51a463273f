import { readFileSync } from 'node:fs';
import { parsePrices, type Prices } from '@lade/bucket-cost';
import { wrapError } from '@lade/errors';

/** Reads a file of prices. Throws the class of the errno, and `invalid_argument` for what is none, or not whole. */
export function readPrices(path: string): Prices {
  return parsePrices(readText(path), path);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (reason) {
    throw wrapError(reason, `Cannot read prices ${path}`);
  }
}
