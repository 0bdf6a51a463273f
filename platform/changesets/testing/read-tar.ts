import { getXattr, listXattrs } from '@lade/linux';
import { encodeTar, TarDecoder, type TarEntry } from '@lade/tar';
import { readChanges, type Changes, type ReadOptions } from '../read-changes.ts';
import type { Xattrs } from '../xattrs.ts';

export const XATTRS: Xattrs = { list: listXattrs, get: getXattr };

export type ReadEntry = TarEntry & { readonly content: string };

/** The layer tar of some changes. */
export async function tarOf(changes: Changes, options: Partial<ReadOptions> = {}): Promise<Buffer> {
  const members = readChanges(changes, { xattrs: XATTRS, ...options });
  return Buffer.concat(await Array.fromAsync(encodeTar(members)));
}

export async function entriesOf(changes: Changes, options: Partial<ReadOptions> = {}): Promise<ReadEntry[]> {
  const found: { entry: TarEntry; content: string }[] = [];
  const decoder = new TarDecoder({
    raw: () => {},
    entry: (entry) => void found.push({ entry, content: '' }),
    data: (bytes) => {
      const last = found.at(-1);
      if (last) last.content += Buffer.from(bytes).toString('latin1');
    },
  });
  decoder.write(await tarOf(changes, options));
  decoder.end();
  return found.map(({ entry, content }) => ({ ...entry, content }));
}
