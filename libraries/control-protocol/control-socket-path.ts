import { format, parse } from 'node:path';

/** Where the control API of the daemon at `address` listens: `/run/lade/lade.sock` → `/run/lade/lade.control.sock`. */
export function controlSocketPath(address: string): string {
  const { dir, name, ext } = parse(address);
  return format({ dir, name: `${name}.control`, ext });
}
