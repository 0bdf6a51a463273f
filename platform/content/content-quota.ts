import { stat } from 'node:fs/promises';
import type { Logger } from '@lade/log';
import type { ContentDigest } from './content-digest.ts';
import type { ContentFolder } from './content-folder.ts';
import type { ContentTable } from './content-table.ts';

/** Manifests and configurations stay: everybody asks for them, and they take nothing. */
const KEPT_BYTES = 64 << 10;
/** What was opened a moment ago is likely to be read on, and to be unpacked. */
const REST_MS = 60_000;

export interface ContentLimit {
  readonly limitBytes: number;
  /** For so long after somebody has opened a file it stays. Default 60 s. */
  readonly restMs?: number;
}

export interface ContentQuotaOptions extends ContentLimit {
  readonly folder: ContentFolder;
  readonly table: ContentTable;
  readonly log: Logger;
}

interface Held {
  readonly digest: ContentDigest;
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/**
 * Keeps the files of large content within a limit: what nobody has opened for longest goes first, and is fetched again when
 * it is asked for. Only what the bucket has is ever given up, so that a bucket in trouble means more than the limit.
 */
export class ContentQuota implements AsyncDisposable {
  readonly #options: ContentQuotaOptions;
  #reducing: Promise<void> = Promise.resolve();
  #isAsked = false;
  #later: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: ContentQuotaOptions) {
    this.#options = options;
  }

  /** Looks soon whether something has to go; several calls may share a look. */
  reduce(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#reducing = this.#reducing
      .then(async () => this.#reduce())
      .catch((error: unknown) => this.#options.log.error('content cannot be reduced', { error }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#later);
    await this.#reducing;
  }

  async #reduce(): Promise<void> {
    this.#isAsked = false;
    const { folder, table, limitBytes, restMs = REST_MS, log } = this.#options;
    const held = await this.#held();
    let usedBytes = held.reduce((sum, { bytes }) => sum + bytes, 0);
    let freedBytes = 0;
    const restsSinceMs = Date.now() - restMs;
    for (const { digest, path, bytes, usedMs } of held.toSorted((a, b) => a.usedMs - b.usedMs)) {
      if (usedBytes <= limitBytes || this.#isOver) break;
      if (usedMs > restsSinceMs) {
        this.#reduceIn(usedMs - restsSinceMs);
        break;
      }
      if (table.isWaiting(digest)) continue;
      folder.remove(path);
      usedBytes -= bytes;
      freedBytes += bytes;
    }
    if (freedBytes > 0) log.info('content reduced', { freedBytes, usedBytes, limitBytes });
  }

  #reduceIn(ms: number): void {
    clearTimeout(this.#later);
    this.#later = setTimeout(() => this.reduce(), ms + 1).unref();
  }

  async #held(): Promise<Held[]> {
    const { folder, table } = this.#options;
    const held: Held[] = [];
    for (const { digest, sizeBytes } of table.walk()) {
      if (this.#isOver) break;
      if (sizeBytes <= KEPT_BYTES) continue;
      const path = folder.blobPath(digest);
      const found = await stat(path).catch(() => undefined);
      if (found) held.push({ digest, path, bytes: found.size, usedMs: found.atimeMs });
    }
    return held;
  }
}
