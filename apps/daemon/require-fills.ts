import { mkdtempDisposable, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlockBits, BLOCK_BYTES } from '@lade/block-bits';
import { CodedError } from '@lade/errors';
import type { OnDemandFile, OnDemandFiles } from '@lade/residency';
import { createErofsMounter } from './erofs-mounter.ts';
import { writeTinyLayer } from './tiny-layer.ts';

const TEXT = 'filled on demand';
/** No layer has it: theirs begin at 1. */
const NUMBER = 0;

/**
 * Proves on a layer of one file that this kernel asks before it reads a hole, and waits for the answer. Throws `unimplemented`
 * where it does not: that cannot be told from version numbers.
 */
export async function requireFills(files: OnDemandFiles, root: string): Promise<void> {
  await using folder = await mkdtempDisposable(join(root, 'layers', '.trial-'));
  const { metadata, blob: path, target } = await writeTinyLayer(folder.path, TEXT);
  const bits = new BlockBits(BLOCK_BYTES);
  const file: OnDemandFile = {
    number: NUMBER,
    path,
    sizeBytes: BLOCK_BYTES,
    bits,
    async fill() {
      await using blob = await open(path, 'r+');
      await blob.writeFile(TEXT);
      bits.resident.set(0, BLOCK_BYTES);
    },
    reached() {},
  };
  const mounter = createErofsMounter();
  const blob = await files.serve(file);
  try {
    await mounter.mount({ metadata, blob }, target, files.kind);
    await using mounted = new AsyncDisposableStack();
    mounted.defer(async () => mounter.unmount(target));
    if ((await readFile(join(target, 'file'), 'utf8')) === TEXT) return;
    throw new CodedError('unimplemented', `Cannot fill by ${files.kind}: this kernel reads without asking`);
  } finally {
    await files.forget(NUMBER);
  }
}
