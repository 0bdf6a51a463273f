import type { BindMount } from '@lade/control-protocol';
import { wrongUsage } from './command.ts';

const CURE = 'Use -v /ON/THIS/NODE:/IN/THE/CONTAINER, and :ro behind it to keep it from being changed';

/** Of `-v HOST:DIR[:ro]`. Throws `invalid_argument`. */
export function parseMounts(texts: readonly string[] = []): BindMount[] {
  return texts.map((text) => {
    const [source = '', destination = '', mode = 'rw', ...more] = text.split(':');
    if (!source.startsWith('/') || !destination.startsWith('/') || more.length > 0)
      throw wrongUsage(`-v ${text} does not name two absolute paths; there are no volumes with names`, CURE);
    if (mode !== 'ro' && mode !== 'rw') throw wrongUsage(`-v ${text} ends in neither ro nor rw`, CURE);
    return { source, destination, ...(mode === 'ro' ? { readOnly: true } : {}) };
  });
}
