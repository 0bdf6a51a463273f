import type { BucketHealthState, Status } from '@lade/control-protocol';
import type { Tone } from '../../components/badge.tsx';
import { formatCount, formatDate, formatDuration } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

/** One thing that can be well or not. */
export interface Finding {
  readonly name: string;
  readonly tone: Tone;
  readonly state: string;
  /** What to do, where something is to be done. */
  readonly cure?: string;
  readonly detail?: string;
}

const BUCKET_TONES = {
  unknown: 'calm',
  healthy: 'good',
  degraded: 'warn',
  refused: 'bad',
  unreachable: 'bad',
} as const satisfies Record<BucketHealthState, Tone>;
/** Stores refuse requests of a clock that is 15 minutes off; a minute is on the way there. */
const SKEW_MS = 60_000;

/** What a status says about everything that this node depends on. */
export function examine(status: Status): readonly Finding[] {
  return [
    containerd(status),
    bucket(status),
    ...clock(status),
    uploads(status),
    fill(status),
    keeper(status),
    damage(status),
  ];
}

export function needsAttention({ tone }: Finding): boolean {
  return tone === 'bad' || tone === 'warn';
}

function containerd(status: Status): Finding {
  const words = t().overview;
  if (status.containerd !== undefined)
    return { name: words.containerd, tone: 'good', state: words.containerdOk(status.containerd) };
  return { name: words.containerd, tone: 'bad', state: words.containerdMissing, cure: words.containerdCure };
}

function bucket({ bucket: url, bucketHealth: { state, since, lastError } }: Status): Finding {
  const words = t().overview;
  const finding = { name: words.bucket, tone: BUCKET_TONES[state], state: words.bucketStates[state] };
  if (!needsAttention(finding) || !lastError) return { ...finding, detail: url };
  return {
    ...finding,
    detail: `${words.bucketSince(formatDate(since))}: ${lastError.message}`,
    cure: `${lastError.cure ?? words.bucketCure} – ${words.bucketNote}`,
  };
}

/** Nothing, as long as it is right. */
function clock({ bucketHealth: { clockAheadMs = 0 } }: Status): readonly Finding[] {
  if (Math.abs(clockAheadMs) < SKEW_MS) return [];
  const words = t().overview;
  const by = formatDuration(Math.abs(clockAheadMs));
  const state = clockAheadMs > 0 ? words.clockBehind(by) : words.clockAhead(by);
  return [{ name: words.clock, tone: 'warn', state, cure: words.clockCure }];
}

function uploads({ uploads: { waiting, lastError } }: Status): Finding {
  const words = t().overview;
  if (waiting === 0) return { name: words.uploads, tone: 'good', state: words.uploadsNone };
  const state = words.uploadsWaiting(waiting);
  if (lastError === undefined) return { name: words.uploads, tone: 'accent', state };
  return { name: words.uploads, tone: 'warn', state, detail: lastError, cure: words.uploadsCure };
}

function fill({ fillMode }: Status): Finding {
  const words = t().overview;
  const texts: Readonly<Record<string, string>> = words.fillModes;
  const detail = texts[fillMode];
  return {
    name: words.fill,
    tone: fillMode === 'full' ? 'calm' : 'good',
    state: fillMode,
    ...(detail === undefined ? {} : { detail }),
  };
}

function keeper({ keeper: known }: Status): Finding {
  const words = t().overview;
  if (!known) return { name: words.keeper, tone: 'calm', state: words.keeperMissing };
  if (known.restarts === 0) return { name: words.keeper, tone: 'good', state: words.keeperOk };
  return {
    name: words.keeper,
    tone: 'warn',
    state: words.keeperRestarts(known.restarts),
    cure: words.keeperCure,
  };
}

function damage({ residency: { verificationFailures: found, healed } }: Status): Finding {
  const words = t().overview;
  if (found === 0) return { name: words.damage, tone: 'good', state: words.damageNone };
  const state = words.damageHealed(found, healed);
  if (healed >= found) return { name: words.damage, tone: 'calm', state };
  return {
    name: words.damage,
    tone: 'bad',
    state: `${state} (${formatCount(found - healed)})`,
    cure: words.damageCure,
  };
}
