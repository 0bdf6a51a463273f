import { compress, type Compression } from '@lade/compression';
import { StreamDigester } from '@lade/layers';
import type { Digest } from '@lade/oci';
import { shareBytes, type ByteSource } from '@lade/streams';
import { encodeTar } from '@lade/tar';
import { readChanges, type Changes, type ReadOptions } from './read-changes.ts';

/** The label of packed content that has its diff id. */
const UNCOMPRESSED = 'containerd.io/uncompressed';

type Labels = Readonly<Record<string, string>>;

/** Where layers go as registries have them. */
export interface LayerContent {
  /** Resolves when all is stored; `labels` is asked for when the bytes have ended. */
  write(
    bytes: ByteSource,
    labels: () => Promise<Labels>,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
}

export interface CreateOptions<T extends Disposable> extends Omit<ReadOptions, 'signal'> {
  readonly compression: Compression;
  /** What else the content is to be labelled with. */
  readonly labels: Labels;
  readonly content: LayerContent;
  /** Makes something else of the same tar, of which a failure is a result. Changes nothing of what it is given. */
  readonly convert: (tar: ByteSource, options: ConvertOptions) => Promise<T>;
  readonly signal: AbortSignal;
}

interface ConvertOptions {
  /** Not before the tar has ended. */
  readonly diffId: () => Promise<Digest>;
  readonly signal: AbortSignal;
}

export interface CreatedLayer<T> {
  /** Of what was stored. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly diffId: Digest;
  readonly tarBytes: number;
  readonly converted: PromiseSettledResult<T>;
}

/**
 * Makes a layer of what a snapshot has changed, in one reading: packed into a content store, and converted. The same changes give
 * the same bytes. Throws what reading the changes and storing the content throw; then nothing is left but an ingest.
 */
export async function createLayer<T extends Disposable>(
  changes: Changes,
  { convert, ...options }: CreateOptions<T>,
): Promise<CreatedLayer<T>> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const identity = Promise.withResolvers<Identity>();
  identity.promise.catch(() => {});
  const diffId = async (): Promise<Digest> => (await identity.promise).diffId;
  const tar = encodeTar(readChanges(changes, { ...options, signal }));
  const [stored, converted] = await shareBytes<[Stored, T, void]>(tar, [
    async (bytes) =>
      store(bytes, { ...options, diffId, signal }).catch((reason: unknown) => {
        stop.abort(reason);
        throw reason;
      }),
    async (bytes) => convert(bytes, { diffId, signal }),
    async (bytes) => identify(bytes).then(identity.resolve, identity.reject),
  ]);
  if (stored.status === 'fulfilled') return { ...stored.value, ...(await identity.promise), converted };
  if (converted.status === 'fulfilled') converted.value[Symbol.dispose]();
  throw stored.reason;
}

type Stored = Pick<CreatedLayer<never>, 'digest' | 'sizeBytes'>;
type Identity = Pick<CreatedLayer<never>, 'diffId' | 'tarBytes'>;
type StoreOptions = ConvertOptions & Pick<CreateOptions<never>, 'compression' | 'labels' | 'content'>;

async function store(
  tar: ByteSource,
  { compression, labels, content, diffId, signal }: StoreOptions,
): Promise<Stored> {
  const packed = compress(tar, compression, { signal });
  const all = async (): Promise<Labels> =>
    compression === 'none' ? labels : { ...labels, [UNCOMPRESSED]: await diffId() };
  return content.write(packed, all, { signal });
}

async function identify(tar: ByteSource): Promise<Identity> {
  await using digester = new StreamDigester();
  let tarBytes = 0;
  for await (const bytes of tar) {
    tarBytes += bytes.byteLength;
    await digester.update(new Uint8Array(bytes));
  }
  return { diffId: await digester.finish(), tarBytes };
}
