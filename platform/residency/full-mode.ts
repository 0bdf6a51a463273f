import { setTimeout as sleep } from 'node:timers/promises';
import { ChunkTable } from '@lade/layers';
import type { FillMode, FillTarget } from './fill-mode.ts';
import { fillWhole } from './fill-whole.ts';
import type { BlobContext } from './blob-context.ts';
import type { Fills } from './fills.ts';
import { ResidentBlob } from './resident-blob.ts';

/** From its mount on. */
const START_MS = 10_000;

/** The mode that works everywhere: the whole blob is fetched and checked before the first mount. */
export function createFullMode(
  context: BlobContext & { readonly boot: string },
  filled: (target: FillTarget, fills: Fills) => void,
): FillMode {
  /** Fills what is missing, and checks what an unclean stop may have torn. */
  const complete = async (target: FillTarget, signal?: AbortSignal): Promise<string> => {
    const { index, folder } = target;
    const { diffId } = index.header;
    const table = ChunkTable.of(index);
    await using blob = await ResidentBlob.open({ folder, diffId, table, boot: context.boot }, context);
    if (!blob.isWhole) {
      await fillWhole(blob, signal ? { signal } : {});
      filled(target, blob.fills);
    }
    return blob.path;
  };
  return {
    name: 'full',
    announce() {},
    async prepare(target, { signal }) {
      await complete(target, signal);
      return { isWhole: true };
    },
    async expect() {},
    async attach(target) {
      const kernelPath = await complete(target);
      return {
        kernelPath,
        started: sleep(START_MS, undefined, { ref: false }),
        whole: Promise.resolve(),
      };
    },
    served: async () => undefined,
    async detach() {},
  };
}
