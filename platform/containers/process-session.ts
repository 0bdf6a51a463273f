import type { NamespaceCalls, Pipes } from './ports.ts';
import type { Session, Sessions } from './sessions.ts';
import { unlessMissing } from './unless-missing.ts';

interface ConnectedProcess {
  /** Of the container. */
  readonly id: string;
  /** The container's first process, when left out. */
  readonly execId?: string;
  readonly pipes: Pipes;
  readonly calls: NamespaceCalls;
}

/** Lets somebody write to a process until disposed. */
export function openSession(sessions: Sessions, { id, pipes, calls, ...process }: ConnectedProcess): Session {
  return sessions.open({
    write: async (bytes) => pipes.write(bytes),
    async end() {
      pipes.end();
      await unlessMissing(calls.tasks.closeInput(id, process));
    },
    resize: async (size) => calls.tasks.resize(id, size, process),
  });
}
