import { randomUUID } from 'node:crypto';
import { isCodedError } from '@lade/errors';
import type { ConditionalPuts, PutOptions, WaitOptions } from '../../bucket.ts';
import type { ObsStore } from './obs-store.ts';

/**
 * What a store makes of conditions. `etag`: it obeys If-None-Match and If-Match on puts. `forbid-overwrite`: it
 * obeys OBS's own header, which makes a put of an absent key atomic, but knows nothing of versions.
 */
export type ConditionSupport = 'etag' | 'forbid-overwrite' | 'none';

type Headers = Readonly<Record<string, string>>;

/** What stores answer to a header that they do not know, unless they ignore it. */
const UNKNOWN_CONDITION = [400, 501];
const FORBID_OVERWRITE = { 'x-obs-forbid-overwrite': 'true' };

/** A condition as headers; empty where the store has none for it. */
export function conditionHeaders({ condition }: PutOptions, support: ConditionSupport): Headers {
  if (!condition || support === 'none') return {};
  if (support === 'forbid-overwrite') return 'absent' in condition ? FORBID_OVERWRITE : {};
  return 'absent' in condition ? { 'If-None-Match': '*' } : { 'If-Match': `"${condition.version}"` };
}

/** What conditionalPuts() may say of it. */
export function worthOf(support: ConditionSupport): ConditionalPuts {
  return support === 'etag' ? 'atomic' : 'emulated';
}

/** Tries the conditions on an object made for it, `<prefix>probe/<random>`, because stores ignore what they do not know. */
export async function probeConditions(
  store: ObsStore,
  prefix: string,
  options: WaitOptions,
): Promise<ConditionSupport> {
  const target = { action: 'try conditional puts of', key: `${prefix}probe/${randomUUID()}` };
  const put = { ...target, method: 'PUT', body: Buffer.from('probe') } as const;
  const isRefused = async (headers: Headers): Promise<boolean> => {
    try {
      await store.askHeaders({ ...put, headers }, options);
      return false;
    } catch (reason) {
      if (isConditionFailure(reason)) return true;
      if (isCodedError(reason) && UNKNOWN_CONDITION.includes(Number(reason.details['status']))) return false;
      throw reason;
    }
  };
  await store.askHeaders(put, options);
  try {
    const hasEtags = (await isRefused({ 'If-None-Match': '*' })) && (await isRefused({ 'If-Match': '"0"' }));
    if (hasEtags) return 'etag';
    return (await isRefused(FORBID_OVERWRITE)) ? 'forbid-overwrite' : 'none';
  } finally {
    await store.askHeaders({ ...target, method: 'DELETE' }, options).catch(() => {});
  }
}

/** 412, OBS's 409 for an object that is there, or 404 where the object that should have a version is gone. */
export function isConditionFailure(reason: unknown): boolean {
  if (!isCodedError(reason)) return false;
  const { status, name } = reason.details;
  return status === 412 || name === 'NoSuchKey' || (status === 409 && /AlreadyExist/.test(String(name)));
}
