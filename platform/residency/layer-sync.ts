import { open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ChunkTable, LAYER_FILES, readLocalIndex, type LayerIndex } from '@lade/layers';
import type { Logger } from '@lade/log';
import { BlobFile, type BlobFileOptions } from './blob-file.ts';
import { readResidentRecord, type RecordState } from './resident-record.ts';

/**
 * Puts converted layers on disk behind the scenes. A conversion does not wait for the disk: what it wrote is known to be
 * whole until the machine stops, and for ever once it was synced.
 */
export class LayerSync implements AsyncDisposable {
  readonly #boot: string;
  readonly #log: Logger;
  #work: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(boot: string, log: Logger) {
    this.#boot = boot;
    this.#log = log;
  }

  /** Right after the conversion into `folder`. */
  async vouch(folder: string, index: LayerIndex): Promise<void> {
    await using blob = await BlobFile.open(this.#optionsOf(folder, index));
    await blob.vouch();
  }

  /** One layer after the other; nobody waits for it but dispose(), which skips those whose turn has not come. */
  syncLater(folder: string): void {
    this.#work = this.#after(this.#work, folder);
  }

  /** Resolves when what was asked for so far is on disk. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#work;
  }

  async #after(before: Promise<void>, folder: string): Promise<void> {
    await before;
    if (this.#isStopping) return;
    await this.#sync(folder).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.error('layer cannot be put on disk', { folder, error });
    });
  }

  async #sync(folder: string): Promise<void> {
    const index = await readLocalIndex(folder);
    const options = this.#optionsOf(folder, index);
    if ((await stateOf(options)) !== 'vouched') return;
    for (const name of await readdir(folder)) await syncFile(join(folder, name));
    await syncFile(folder);
    await syncFile(dirname(folder));
    await using blob = await BlobFile.open(options);
    await blob.save();
  }

  #optionsOf(folder: string, index: LayerIndex): BlobFileOptions {
    return { folder, diffId: index.header.diffId, table: ChunkTable.of(index), boot: this.#boot };
  }
}

async function stateOf({ folder, diffId, table, boot }: BlobFileOptions): Promise<RecordState> {
  const { ctimeNs: changedNs } = await stat(join(folder, LAYER_FILES.blob), { bigint: true });
  const now = { diffId, chunkCount: table.count, changedNs, boot };
  return (await readResidentRecord(join(folder, LAYER_FILES.resident), now)).state;
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}
