import { randomBytes } from 'node:crypto';
import { mkdir, mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MEDIA_TYPES, digestOf, hexOf, parseReference, type Descriptor, type Reference } from '@lade/oci';
import { openFaultyProxy, startOrigin, type FaultyProxy, type Origin } from '@lade/sandbox';

/** A registry with one small image, and a way to it on which things go wrong as a test says. */
export interface Stand extends AsyncDisposable {
  readonly origin: Origin;
  readonly way: FaultyProxy;
  readonly folder: string;
  readonly manifest: Descriptor;
  readonly layer: Descriptor;
  readonly layerBytes: Uint8Array;
  /** The image by way of `address`. */
  reference(address: string): Reference;
}

export async function openStand(): Promise<Stand> {
  await using stack = new AsyncDisposableStack();
  const { path: folder } = stack.use(await mkdtempDisposable(join(tmpdir(), 'lade-registry-')));
  const blobs = join(folder, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const put = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const digest = digestOf(bytes);
    await writeFile(join(blobs, hexOf(digest)), bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const layerBytes = randomBytes(1 << 20);
  const layer = await put(MEDIA_TYPES.layer, layerBytes);
  const config = await put(MEDIA_TYPES.config, Buffer.from('{}'));
  const manifest = await put(
    MEDIA_TYPES.manifest,
    Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [layer] })),
  );
  const annotations = { 'org.opencontainers.image.ref.name': 'some/app:1' };
  await writeFile(join(folder, 'index.json'), JSON.stringify({ manifests: [{ ...manifest, annotations }] }));
  const origin = stack.use(await startOrigin([folder]));
  const way = stack.use(await openFaultyProxy(origin.address));
  const owned = stack.move();
  return {
    origin,
    way,
    folder,
    manifest,
    layer,
    layerBytes,
    reference: (address) => parseReference(`${address}/some/app:1`),
    [Symbol.asyncDispose]: async () => owned.disposeAsync(),
  };
}
