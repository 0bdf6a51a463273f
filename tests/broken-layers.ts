import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MEDIA_TYPES, digestOf, hexOf, type Descriptor, type Digest } from '@lade/oci';
import { TAR_END, encodeTarEntry, tarPadding, type EncodableEntry } from '@lade/tar';
import { noise } from './noise.ts';

/** A layer as a registry would have it, true or not. */
export interface StoredLayer {
  readonly blob: Uint8Array;
  /** What the image's config says; for a layer that is to be refused before that matters, anything. */
  readonly diffId: Digest;
  readonly mediaType?: string;
}

export type FileEntry = EncodableEntry & { readonly content?: Uint8Array };

export function encodeTar(...entries: readonly FileEntry[]): Buffer {
  const blocks = entries.flatMap(({ content = new Uint8Array(), ...entry }) => [
    encodeTarEntry({ ...entry, sizeBytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
  ]);
  return Buffer.concat([...blocks, TAR_END]);
}

/** A sound layer with one large file and a few small ones. */
export function soundTar(seed: number, sizeBytes = 3_000_000): Buffer {
  const small = Array.from({ length: 20 }, (_, i) => ({
    path: `etc/small-${seed}-${i}`,
    kind: 'file' as const,
    content: noise(`${seed} ${i}`, 100 + i * 500),
  }));
  return encodeTar(
    { path: `usr/large-${seed}`, kind: 'file', content: noise(String(seed), sizeBytes) },
    ...small,
  );
}

export function gzipLayer(tar: Uint8Array): StoredLayer {
  return { blob: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) };
}

/** Writes an OCI layout with images by name, as "good:latest", each with its layers from the bottom. */
export async function writeLayout(
  layout: string,
  images: Readonly<Record<string, readonly StoredLayer[]>>,
): Promise<void> {
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const store = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const digest = digestOf(bytes);
    await writeFile(join(blobs, hexOf(digest)), bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const document = async (mediaType: string, value: object): Promise<Descriptor> =>
    store(mediaType, Buffer.from(JSON.stringify(value)));
  const manifests = Object.entries(images).map(async ([name, layers]) => {
    const platform = { architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' };
    const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) };
    const config = await document(MEDIA_TYPES.config, { ...platform, config: {}, rootfs });
    const stored = await Promise.all(
      layers.map(async ({ blob, mediaType = MEDIA_TYPES.layerGzip }) => store(mediaType, blob)),
    );
    const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers: stored };
    const annotations = { 'org.opencontainers.image.ref.name': name };
    return { ...(await document(MEDIA_TYPES.manifest, manifest)), platform, annotations };
  });
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: await Promise.all(manifests) };
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
}
