import { byteScale } from './byte-scale.ts';
import { language, LOCALES } from './index.ts';

/* How numbers are written; called while rendering, like t(). */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** By thousands, as the command line, docker and the bills of clouds have them. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What would be rounded to 1000 is 1 of the next.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${decimal(value, digits)} ${UNITS[unit]}`;
}

/** Multiples of a step, all in one unit. */
export function formatByteSteps(values: readonly number[], step: number): string[] {
  const { thousands, digits } = byteScale(Math.max(...values), step);
  const write = (value: number): string =>
    `${decimal(value / 1000 ** thousands, digits)} ${UNITS[thousands]}`;
  return values.map((value) => (value === 0 ? '0' : write(value)));
}

export function formatCount(n: number): string {
  return decimal(n, 0);
}

export function formatPercent(part: number, whole: number): string {
  const ratio = whole === 0 ? 1 : part / whole;
  // Never 100 % while something is missing.
  const shown = ratio < 1 ? Math.min(Math.round(ratio * 1000) / 10, 99.9) : 100;
  return `${decimal(shown, shown < 10 && shown > 0 ? 1 : 0)} %`;
}

export function formatDuration(ms: number): string {
  if (ms < 1) return `${decimal(ms, 2)} ms`;
  if (ms < 1000) return `${decimal(ms, ms < 10 ? 1 : 0)} ms`;
  if (ms < 60_000) return `${decimal(ms / 1000, ms < 10_000 ? 2 : 1)} s`;
  const minutes = Math.floor(ms / 60_000);
  return minutes < 60
    ? `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`
    : `${decimal(ms / 3_600_000, 1)} h`;
}

export function formatRate(perSecond: number): string {
  return decimal(perSecond, perSecond < 10 ? 1 : 0);
}

/** 14:03:07.120, in the time of the person who reads it. */
export function formatClock(iso: string): string {
  const date = new Date(iso);
  return `${date.toLocaleTimeString('en-GB')}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** 14:03, in the time of the person who reads it. */
export function formatTime(at: Date | number): string {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(at);
}

/** 27 November, but shorter. */
export function formatDay(date: Date): string {
  return new Intl.DateTimeFormat(LOCALES[language.value], { month: 'short', day: 'numeric' }).format(date);
}

export function formatDate(iso: string): string {
  return new Intl.DateTimeFormat(LOCALES[language.value], { dateStyle: 'medium', timeStyle: 'short' }).format(
    new Date(iso),
  );
}

const STEPS = [
  [60, 'second', 1],
  [3600, 'minute', 60],
  [86_400, 'hour', 3600],
  [Infinity, 'day', 86_400],
] as const;

/** “3 minutes ago”. */
export function formatAgo(iso: string, now: number): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  const [, unit, size] = STEPS.find(([limit]) => Math.abs(seconds) < limit) ?? STEPS[3];
  const format = new Intl.RelativeTimeFormat(LOCALES[language.value], { numeric: 'auto' });
  return format.format(Math.min(0, Math.round(seconds / size)), unit);
}

export function shortDigest(digest: string): string {
  return digest.startsWith('sha256:') ? digest.slice(7, 19) : digest;
}

/** docker.io/library/python:3.13 → python:3.13. */
export function shortImage(name: string): string {
  return name.replace(/^docker\.io\/(?:library\/)?/, '');
}

/** As precisely as an estimate is. */
export function formatCost(cost: number, currency: string): string {
  const amount = cost > 0 && cost < 0.01 ? '<0.01' : cost.toFixed(2);
  return `${amount} ${currency}`;
}

const formats = new Map<string, Intl.NumberFormat>();

function decimal(value: number, digits: number): string {
  const locale = LOCALES[language.value];
  const key = `${locale} ${digits}`;
  const known = formats.get(key);
  if (known) return known.format(value);
  const made = new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
  formats.set(key, made);
  return made.format(value);
}
