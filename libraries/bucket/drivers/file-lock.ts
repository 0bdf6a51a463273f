import { setTimeout as sleep } from 'node:timers/promises';
import { isCodedError } from '@lade/errors';
import { lockFile } from '@lade/linux';

const RETRY_MS = 2;

/** Waits for the lock of `path`: one holder on this machine at a time; it ends with its process. */
export async function waitForLock(path: string, signal: AbortSignal | undefined): Promise<Disposable> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return lockFile(path);
    } catch (reason) {
      if (!isCodedError(reason, 'failed_precondition')) throw reason;
    }
    await sleep(RETRY_MS * (1 + Math.random()));
  }
}
