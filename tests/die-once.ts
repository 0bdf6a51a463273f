import { existsSync, readFileSync, unlinkSync } from 'node:fs';

/*
 * A death that is ordered while a process runs: who writes `<step> <count>` into the file that LADE_DEATH names has the
 * process killed the count-th time it is there, and that process only. Also a module for `onStep` of @lade/on-demand.
 */
const ORDER = process.env['LADE_DEATH'] ?? '';

let known = '';
let left = 0;

/** Whether the process is to die now; the order is carried out then. */
export function isDue(step: string): boolean {
  if (!existsSync(ORDER)) return false;
  const order = readFileSync(ORDER, 'latin1');
  const [wanted, count] = order.split(' ');
  if (order !== known) [known, left] = [order, Number(count)];
  if (wanted !== step) return false;
  left -= 1;
  if (left > 0) return false;
  unlinkSync(ORDER);
  return true;
}

export function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

export function onStep(step: string): void {
  if (isDue(step)) die();
}
