/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = (sorted.length - 1) / 2;
  return (at(sorted, Math.floor(middle)) + at(sorted, Math.ceil(middle))) / 2;
}

/** The smallest value that at least `percent` of a hundred values do not exceed (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = ascending(values);
  return at(sorted, Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1));
}

export function spread(values: readonly number[]): [smallest: number, largest: number] {
  const sorted = ascending(values);
  return [round(at(sorted, 0)), round(at(sorted, sorted.length - 1))];
}

/** To three decimal places: finer differences are noise. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function ascending(values: readonly number[]): readonly number[] {
  if (values.length === 0) throw new RangeError('no values: nothing was measured');
  return values.toSorted((a, b) => a - b);
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}
