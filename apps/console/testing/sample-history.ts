import type { BucketHistory, BucketKind } from '@lade/control-protocol';

const STEPS = { minute: { stepS: 60, keptS: 86_400 }, hour: { stepS: 3600, keptS: 30 * 86_400 } };
const DAY_S = 86_400;
/** Whatever the time of the day: the last hour is a busy one. */
const NOON_S = Math.floor(Date.now() / 1000);

/** As of a node that starts containers by day, pulls something new now and then, and once had a bad hour. */
export function sampleHistory(query: URLSearchParams, kinds: readonly BucketKind[]): BucketHistory {
  const step = query.get('step') === 'hour' ? 'hour' : 'minute';
  const { stepS, keptS } = STEPS[step];
  const until = Math.floor(Date.now() / 1000);
  const from = Date.parse(query.get('since') ?? '') / 1000 || until - keptS;
  const since = Math.floor(from / stepS) * stepS;
  const all = Array.from({ length: Math.floor((until - since) / stepS) + 1 }, (_, i) => since + i * stepS);
  const at = kinds.length === 0 ? [] : all.filter((begin) => readsAt(begin) > 0);
  const scale = stepS / 60;
  const series = (of: (begin: number) => number): number[] =>
    at.map((begin) => Math.round(of(begin) * scale));
  const none = at.map(() => 0);
  return {
    step,
    since,
    until,
    at,
    requests: {
      read: {
        requests: series(readsAt),
        errors: series((begin) => (Math.abs(NOON_S - 18_000 - begin) < 3600 ? readsAt(begin) / 9 : 0)),
        sentBytes: series((begin) => readsAt(begin) * 410),
        receivedBytes: series((begin) => readsAt(begin) * 266_000),
      },
      write: {
        requests: series(writesAt),
        errors: none,
        sentBytes: series((begin) => writesAt(begin) * 4_100_000),
        receivedBytes: none,
      },
      list: { requests: series(() => 1), errors: none, sentBytes: none, receivedBytes: none },
      delete: { requests: none, errors: none, sentBytes: none, receivedBytes: none },
    },
    fills: {
      bucket: series((begin) => readsAt(begin) * 240_000),
      hot: series((begin) => readsAt(begin) * 60_000),
      copied: none,
      adopted: none,
      zero: none,
    },
    waits: { reads: series(readsAt), ms: series((begin) => readsAt(begin) * 21) },
    sizes: sizesOf(until, keptS, kinds),
  };
}

function readsAt(begin: number): number {
  const age = NOON_S - begin;
  const byDay = Math.cos((age / DAY_S) * 2 * Math.PI) + 0.7;
  const burst = Math.max(0, Math.cos(age / 700) + Math.sin(age / 173));
  return Math.round(Math.max(0, byDay) * burst * 24);
}

function writesAt(begin: number): number {
  return Math.cos((NOON_S - begin) / 5200) > 0.93 ? 6 : 0;
}

/** Grows, but for one collection of garbage, to what there is now. */
function sizesOf(until: number, keptS: number, kinds: readonly BucketKind[]): BucketHistory['sizes'] {
  const ages = kinds.length === 0 ? [] : Array.from({ length: 24 }, (_, i) => 23 - i);
  const share = (age: number): number => 1 - age * 0.006 + (age > 6 ? 0.05 : 0);
  const series = (now: number): number[] => ages.map((age) => Math.round(now * share(age)));
  return {
    at: ages.map((age) => Math.floor(until - 1200 - (age / 24) * keptS)),
    kinds: Object.fromEntries(
      kinds.map(({ kind, objects, bytes }) => [kind, { objects: series(objects), bytes: series(bytes) }]),
    ),
  };
}
