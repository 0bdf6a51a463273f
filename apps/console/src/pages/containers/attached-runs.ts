import type { OutputEvent, RunEvent } from '@lade/control-protocol';

/** A process whose output comes, and whose input goes to a session. */
export interface Attachment {
  readonly session: string;
  readonly events: AsyncIterator<OutputEvent | RunEvent>;
  readonly leave: () => void;
}

/* A container that was started with a terminal, on its way from the dialog to its page. */
const waiting = new Map<string, Attachment>();

export function handOver(id: string, attachment: Attachment): void {
  waiting.get(id)?.leave();
  waiting.set(id, attachment);
}

export function isWaiting(id: string): boolean {
  return waiting.has(id);
}

export function takeOver(id: string): Attachment | undefined {
  const attachment = waiting.get(id);
  waiting.delete(id);
  return attachment;
}
