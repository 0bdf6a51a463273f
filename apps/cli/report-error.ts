import { fromUnknown } from '@lade/errors';
import type { TextStream } from './command.ts';
import { printable } from './printable.ts';

/** `lade: <message>`, and below it `  → <cure>` where there is one. */
export function reportError(reason: unknown, stderr: TextStream): void {
  const { message, cure } = fromUnknown(reason);
  stderr.write(`lade: ${printable(message)}\n`);
  if (cure !== undefined) stderr.write(`  → ${printable(cure)}\n`);
}
