import type { Status } from '@lade/control-protocol';
import type { Tone } from '../../components/badge.tsx';
import { formatCount } from '../../i18n/format.ts';
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

/** What a status says about everything that this node depends on. */
export function examine(status: Status): readonly Finding[] {
  return [containerd(status), bucket(status), uploads(status), fill(status), keeper(status), damage(status)];
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

function bucket({ bucket: url, uploads: { lastError } }: Status): Finding {
  const words = t().overview;
  if (lastError === undefined)
    return { name: words.bucket, tone: 'good', state: words.bucketOk, detail: url };
  return {
    name: words.bucket,
    tone: 'bad',
    state: words.bucketFailed,
    detail: lastError,
    cure: words.bucketCure,
  };
}

function uploads({ uploads: { waiting, lastError } }: Status): Finding {
  const words = t().overview;
  if (waiting === 0) return { name: words.uploads, tone: 'good', state: words.uploadsNone };
  const state = words.uploadsWaiting(waiting);
  if (lastError === undefined) return { name: words.uploads, tone: 'accent', state };
  return { name: words.uploads, tone: 'warn', state, cure: words.uploadsCure };
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
