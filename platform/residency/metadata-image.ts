import { createReadStream } from 'node:fs';
import { rename, stat, writeFile } from 'node:fs/promises';
import { decompress } from '@lade/compression';
import { CodedError } from '@lade/errors';
import type { LayerIndex } from '@lade/layers';
import { Digester } from '@lade/oci';
import { fromBytes, type ByteSource } from '@lade/streams';

/** Writes the metadata image that the index holds; not synced, since the index is. Throws `data_loss` when it is cut short there. */
export async function writeMetadata(index: LayerIndex, path: string): Promise<void> {
  const fresh = `${path}.new`;
  await writeFile(fresh, imageOf(index), { mode: 0o600 });
  const { size } = await stat(fresh);
  if (size !== index.header.metadataBytes) {
    throw new CodedError(
      'data_loss',
      `Cannot use index of layer ${index.header.diffId}: its metadata image is cut short`,
    );
  }
  await rename(fresh, path);
}

/** Whether the file is the metadata image that the index holds. */
export async function hasSoundMetadata(index: LayerIndex, path: string): Promise<boolean> {
  const size = await stat(path).then(
    (it) => it.size,
    () => undefined,
  );
  if (size !== index.header.metadataBytes) return false;
  return (await digestOf(createReadStream(path))) === (await digestOf(imageOf(index)));
}

function imageOf({ header, storedMetadata }: LayerIndex): ByteSource {
  return decompress(fromBytes(storedMetadata), { maxBytes: header.metadataBytes });
}

async function digestOf(source: ByteSource): Promise<string> {
  const digester = new Digester();
  for await (const bytes of source) digester.update(bytes);
  return digester.finish();
}
