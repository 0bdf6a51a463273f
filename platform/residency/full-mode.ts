import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { LAYER_FILES } from '@lade/layers';
import { fillBlob, type FillContext, type FillResult } from './fill-blob.ts';
import type { FillMode, FillTarget } from './fill-mode.ts';

/** The mode that works everywhere: the whole blob is fetched and checked before the first mount. */
export function createFullMode(
  context: Omit<FillContext, 'signal'>,
  filled: (target: FillTarget, result: FillResult) => void,
): FillMode {
  return {
    name: 'full',
    async prepare(target, { signal }) {
      const path = join(target.folder, LAYER_FILES.blob);
      filled(target, await fillBlob(target, path, signal ? { ...context, signal } : context));
    },
    async attach({ folder }) {
      const path = join(folder, LAYER_FILES.blob);
      await access(path);
      return path;
    },
    async detach() {},
  };
}
