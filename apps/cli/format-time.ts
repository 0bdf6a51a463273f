const STEPS: readonly (readonly [seconds: number, unit: string])[] = [
  [365 * 86_400, 'year'],
  [30 * 86_400, 'month'],
  [7 * 86_400, 'week'],
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];

/** "3 minutes ago", for tables; '' for no time. Clocks of other nodes may be ahead: what is still to come is "just now". */
export function formatAge(time: string | undefined, now = Date.now()): string {
  if (time === undefined) return '';
  const seconds = Math.floor((now - Date.parse(time)) / 1000);
  const [size, unit] = STEPS.find(([least]) => seconds >= least) ?? [];
  if (size === undefined) return 'just now';
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? '' : 's'} ago`;
}

/** "2026-11-27T17:02:03.456+01:00": the local time, which can be given back as it is. */
export function formatLocalTime(time: string): string {
  const date = new Date(time);
  const offset = -date.getTimezoneOffset();
  if (Number.isNaN(offset)) return time;
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, -1);
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}
