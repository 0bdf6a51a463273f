const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** "0 B", "999 B", "45.1 MB": units of 1000, one decimal from kB on. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${UNITS[unit]}`;
}
