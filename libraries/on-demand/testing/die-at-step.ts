import type { Step } from '../index.ts';

/** A module for `onStep`: kills its process the `?count`th time that `?step` was done. */
const { searchParams } = new URL(import.meta.url);
let left = Number(searchParams.get('count'));

export function onStep(step: Step): void {
  if (step !== searchParams.get('step')) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

/** Its URL. */
export function dieAtStep(step: Step, count: number): string {
  return new URL(`./die-at-step.ts?step=${step}&count=${count}`, import.meta.url).href;
}
