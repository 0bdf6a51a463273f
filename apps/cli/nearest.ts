/** Further apart are different words. */
const MAX_DISTANCE = 2;

/** The word that was probably meant, of which there has to be one. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  const close = words
    .map((word) => ({ word, distance: distanceBetween(typed, word) }))
    .filter(({ word, distance }) => distance <= Math.min(MAX_DISTANCE, word.length - 1))
    .sort((a, b) => a.distance - b.distance);
  return close[0]?.word;
}

/** How many letters are put in, left out, replaced, or changed with their neighbour. */
function distanceBetween(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const steps = [at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      rows[i]?.push(Math.min(...steps, ...(isSwapped ? [at(i - 2, j - 2) + 1] : [])));
    }
  }
  return at(a.length, b.length);
}
