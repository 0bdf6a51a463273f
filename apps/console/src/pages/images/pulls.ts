import { shallowReactive, shallowRef, type ShallowReactive, type ShallowRef } from 'vue';
import type { PullRequest } from '@lade/control-protocol';
import { isAbort, toApiError, type ApiError } from '../../api/api-error.ts';
import { pullImage } from '../../api/endpoints.ts';
import { advance, NOTHING_YET, type PullProgress } from './pull-progress.ts';

export interface Pull {
  readonly image: string;
  readonly progress: ShallowRef<PullProgress>;
  readonly error: ShallowRef<ApiError | undefined>;
  readonly stop: () => void;
}

/** Pulls go on while one looks at other pages. The newest is first. */
export const pulls: ShallowReactive<Pull[]> = shallowReactive([]);

export function startPull(request: PullRequest, onDone: () => void): void {
  const stopping = new AbortController();
  const pull: Pull = {
    image: request.image,
    progress: shallowRef(NOTHING_YET),
    error: shallowRef(),
    stop: () => stopping.abort(),
  };
  pulls.unshift(pull);
  void run(pull, request, stopping.signal).finally(onDone);
}

export function dismissPull(pull: Pull): void {
  const at = pulls.indexOf(pull);
  if (at >= 0) pulls.splice(at, 1);
}

async function run(pull: Pull, request: PullRequest, signal: AbortSignal): Promise<void> {
  try {
    for await (const event of pullImage(request, { signal }))
      pull.progress.value = advance(pull.progress.value, event);
  } catch (reason) {
    if (isAbort(reason) || signal.aborted) dismissPull(pull);
    else pull.error.value = toApiError(reason);
  }
}
