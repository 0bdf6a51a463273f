import { createReadStream } from 'node:fs';
import { rename, stat, writeFile } from 'node:fs/promises';
import { checkMetadata, metadataDigest, readMetadata, type LayerIndex } from '@lade/layers';
import { Digester } from '@lade/oci';
import type { ByteSource } from '@lade/streams';

/** Writes the metadata image that the index holds; not synced, since the index is. Throws `data_loss` when it is damaged there. */
export async function writeMetadata(index: LayerIndex, path: string): Promise<void> {
  await checkMetadata(index);
  const fresh = `${path}.new`;
  await writeFile(fresh, readMetadata(index), { mode: 0o600 });
  await rename(fresh, path);
}

/** Whether the file is the metadata image that the index holds. Throws `data_loss` when that is damaged itself. */
export async function hasSoundMetadata(index: LayerIndex, path: string): Promise<boolean> {
  await checkMetadata(index);
  const size = await stat(path).then(
    (it) => it.size,
    () => undefined,
  );
  if (size !== index.header.metadataBytes) return false;
  return (await digestOf(createReadStream(path))) === (await metadataDigest(index));
}

async function digestOf(source: ByteSource): Promise<string> {
  const digester = new Digester();
  for await (const bytes of source) digester.update(bytes);
  return digester.finish();
}
