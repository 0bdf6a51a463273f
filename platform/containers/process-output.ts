import { setTimeout as sleep } from 'node:timers/promises';
import type { Output, Pipes } from './ports.ts';

/** Processes that the ended one has left behind may keep its output open; they are not waited for. */
const QUIET_MS = 500;

/**
 * What comes out of a process until it has ended and nothing more comes. Who takes it slowly loses nothing: only while the
 * fifos are being read is silence taken for the end.
 */
export async function* outputUntil(exit: Promise<unknown>, pipes: Pipes): AsyncGenerator<Output> {
  const output = pipes.output();
  const hasEnded = exit.then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  for (;;) {
    const next = output.next();
    const first = await Promise.race([next, hasEnded]);
    const result = first === 'ended' ? await Promise.race([next, quiet()]) : first;
    if (!result || result.done) {
      next.catch(() => {});
      return;
    }
    yield result.value;
  }
}

async function quiet(): Promise<undefined> {
  await sleep(QUIET_MS, undefined, { ref: false });
}
