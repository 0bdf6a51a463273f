import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { digestOf } from '@lade/oci';

/** A name for the node that has this root: the same after a restart, another one for another machine or root. */
export function nameNode(root: string): string {
  return `${hostname()}-${digestOf(`${machineId()}\n${root}`).slice('sha256:'.length).slice(0, 16)}`;
}

/** machine-id(5); machines without one differ in their host names only. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return hostname();
  }
}
