import type { ContentDigest } from './content-digest.ts';

/** Keeps content that this node uses from being collected as garbage in the bucket. */
export interface ContentUses {
  /** False when it may be gone, or go: to be called before it is looked at. */
  claim(digest: ContentDigest): Promise<boolean>;
  /** Before an upload that may find the content there; `confirm` throws when it may be gone again. */
  begin(digest: ContentDigest, signal: AbortSignal): Promise<{ readonly confirm: () => Promise<void> }>;
}

/** For a bucket whose garbage nobody collects. */
export const NOTHING_COLLECTED: ContentUses = {
  claim: async () => true,
  begin: async () => ({ confirm: async () => {} }),
};
